import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';

const guide = readFileSync(new URL('../../docs/schedule.md', import.meta.url), 'utf8');

/** Returns the code blocks of a language. */
function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code!);
}

describe('docs/schedule.md', () => {
  const [variables] = blocks('sh') as [string];
  const [crontab] = blocks('crontab') as [string];
  const [service, timer] = blocks('ini') as [string, string];

  it('docs/schedule.md shows variables that the server accepts', () => {
    expect(readConfig(parseEnv(variables))).toMatchObject({ verifySchedule: '17 3 * * *', verifyAction: 'verify' });
  });

  it('docs/schedule.md shows a cron line that prints what the command printed where it fails, and nothing else', () => {
    const [, pattern, command] = /^((?:\S+ ){5})(.*)\n$/.exec(crontab)!;
    expect(readConfig({ VERIFY_SCHEDULE: pattern!.trim() })).toMatchObject({ verifySchedule: '17 3 * * *' });
    // To cron a percent sign ends the command.
    expect(command).not.toContain('%');
    const folder = mkdtempSync(join(tmpdir(), 'rollcall-cron-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
    const program = join(folder, 'node_modules/.bin/node');
    for (const [code, printed] of [
      [0, ''],
      [3, 'dist/cli/main.js verify\non standard error\n'],
    ] as const) {
      writeFileSync(program, `#!/bin/sh\necho "$@"\necho on standard error >&2\nexit ${code}\n`);
      chmodSync(program, 0o755);
      expect(
        spawnSync('/bin/sh', ['-c', command!.replace('/srv/rollcall', folder)], { encoding: 'utf8' }),
      ).toMatchObject({ status: 0, stdout: printed, stderr: '' });
    }
  });

  it('docs/schedule.md shows systemd units that do the same at the same moment', () => {
    expect(service).toMatch(/^ExecStart=\/srv\/rollcall\/node_modules\/\.bin\/node dist\/cli\/main\.js verify$/m);
    expect(service).toMatch(/^WorkingDirectory=\/srv\/rollcall$/m);
    expect(timer).toMatch(/^OnCalendar=\*-\*-\* 03:17:00 UTC$/m);
  });
});
