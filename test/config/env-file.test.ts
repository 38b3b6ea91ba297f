import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/config.js';

describe('the file .env', () => {
  const before = { folder: process.cwd(), port: process.env['PORT'] };

  afterEach(() => {
    process.chdir(before.folder);
    if (before.port === undefined) delete process.env['PORT'];
    else process.env['PORT'] = before.port;
  });

  it('the file .env supplies what the environment leaves out, and the environment wins', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-env-'));
    writeFileSync(join(folder, '.env'), 'PORT=4100\nHOST="0.0.0.0" # all interfaces\n');
    process.chdir(folder);
    delete process.env['PORT'];
    expect(loadConfig()).toMatchObject({ port: 4100, host: '0.0.0.0' });
    process.env['PORT'] = '4200';
    expect(loadConfig()).toMatchObject({ port: 4200, host: '0.0.0.0' });
    rmSync(folder, { recursive: true });
  });
});
