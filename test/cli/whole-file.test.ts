import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { writeWholeFile } from '../../src/cli/output/whole-file.js';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-file-'));
  path = join(folder, 'counts.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

const content = (): string => readFileSync(path, 'utf8');
const write = (force: boolean, meanwhile: () => void = () => undefined): Promise<number | null> =>
  writeWholeFile(path, force, async append => {
    await append('new ');
    meanwhile();
    await append('text');
    return 8;
  });

it('a file gets its name when all of it is written, and not before', async () => {
  expect(await write(false, () => expect(existsSync(path)).toBe(false))).toBe(8);
  expect([content(), readdirSync(folder)]).toEqual(['new text', ['counts.jsonl']]);
});

it('an existing file is left alone, and replaced only by force, at one moment', async () => {
  writeFileSync(path, 'old');
  await expect(write(false)).rejects.toThrow(
    `${path} exists already. Give another name, or add --force to replace it.`,
  );
  expect(content()).toBe('old');
  await write(true, () => expect(content()).toBe('old'));
  expect([content(), readdirSync(folder)]).toEqual(['new text', ['counts.jsonl']]);
});

it('a file that somebody else makes meanwhile is left alone', async () => {
  await expect(write(false, () => writeFileSync(path, 'theirs'))).rejects.toThrow('Another process has created');
  expect([content(), readdirSync(folder)]).toEqual(['theirs', ['counts.jsonl']]);
});

it('writing that fails or gives up leaves no new file, and the old one as it was', async () => {
  for (const force of [false, true]) {
    if (force) writeFileSync(path, 'old');
    const before = readdirSync(folder);
    await expect(writeWholeFile(path, force, () => Promise.reject(new Error('out of ink')))).rejects.toThrow(
      'out of ink',
    );
    expect(await writeWholeFile(path, force, append => append('half').then(() => null))).toBeNull();
    expect(readdirSync(folder)).toEqual(before);
  }
  expect(content()).toBe('old');
});

it('writing to a link replaces the file that it points to, and never a folder or a device', async () => {
  writeFileSync(join(folder, 'real'), 'old');
  symlinkSync('real', path);
  await write(true);
  expect(readFileSync(join(folder, 'real'), 'utf8')).toBe('new text');
  path = join(folder, 'sub');
  mkdirSync(path);
  await expect(write(true)).rejects.toThrow(`${path} is not a file, so it cannot be replaced.`);
  path = '/dev/null';
  await expect(write(true)).rejects.toThrow(
    '/dev/null is not a file, so it cannot be replaced. Give another name, or - for standard output.',
  );
});

it('a place where no file can be made is reported in one clear message', async () => {
  path = join(folder, 'none', 'counts.jsonl');
  await expect(write(false)).rejects.toThrow(`${path} cannot be written: its folder does not exist (ENOENT).`);
  writeFileSync(join(folder, 'file'), '');
  path = join(folder, 'file', 'counts.jsonl');
  await expect(write(false)).rejects.toThrow('its folder is a file (ENOTDIR)');
  path = '/proc/counts.jsonl';
  await expect(write(false)).rejects.toThrow(/^\/proc\/counts\.jsonl cannot be written: /);
});
