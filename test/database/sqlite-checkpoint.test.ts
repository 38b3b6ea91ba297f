import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Checkpoints, MAX_COPIED_HERE_BYTES } from '../../src/database/dialects/sqlite/checkpoints.js';

let path: string;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-checkpoint-'));
  path = join(folder, 'test.sqlite');
  writeFileSync(`${path}-wal`, '');
  truncateSync(`${path}-wal`, MAX_COPIED_HERE_BYTES + 1);
});
afterEach(() => rmSync(folder, { recursive: true }));

const failing = (): Promise<never> => Promise.reject(new Error('There can be no thread.'));

it.each([
  ['rejects', failing],
  [
    'throws',
    (): never => {
      throw new Error('There can be no thread.');
    },
  ],
])(
  'a commit of a large log succeeds where its checkpoint %s, and later commits copy the log themselves, so that it does not grow forever',
  async (_, copy) => {
    const checkpoints = new Checkpoints(path, copy);
    const sent: string[] = [];
    const commit = (): Promise<void> => checkpoints.commit(sql => Promise.resolve(sent.push(sql)));
    await commit();
    await commit();
    await commit();
    expect(sent).toEqual([
      'pragma wal_autocheckpoint = 0',
      'commit',
      'pragma wal_autocheckpoint = 1000',
      'commit',
      'commit',
    ]);
  },
);

it('commits leave a large log alone while it is being copied, once at a time, and the next one copies what has come since', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let copies = 0;
  const checkpoints = new Checkpoints(path, () => {
    copies += 1;
    return promise;
  });
  const sent: string[] = [];
  const commit = (): Promise<void> => checkpoints.commit(sql => Promise.resolve(sent.push(sql)));
  await commit();
  await commit();
  expect([copies, sent]).toEqual([1, ['pragma wal_autocheckpoint = 0', 'commit', 'commit']]);
  resolve();
  await promise;
  await new Promise(setImmediate);
  await commit();
  expect([copies, sent.slice(3)]).toEqual([1, ['pragma wal_autocheckpoint = 1000', 'commit']]);
  await commit();
  expect([copies, sent.slice(5)]).toEqual([2, ['pragma wal_autocheckpoint = 0', 'commit']]);
});
