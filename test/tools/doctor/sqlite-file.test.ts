import { expect, it, onTestFinished } from 'vitest';
import { openDatabase } from '../../../src/database/database.js';
import { examineFile } from '../../../src/database/dialects/sqlite/examine-file.js';
import { sqliteInspection } from '../../../src/database/dialects/sqlite/inspection.js';
import { freshUrl } from '../../support/databases.js';

it('a file that is set up as it should be is sound, and one in memory is not', async () => {
  const { url, drop } = freshUrl('sqlite');
  const database = await openDatabase(url);
  const inMemory = await openDatabase('sqlite::memory:');
  onTestFinished(async () => {
    await Promise.all([database.close(true), inMemory.close(true)]);
    await drop();
  });
  expect(await sqliteInspection.examineSettings(database)).toEqual([
    { status: 'ok', message: 'journal_mode = wal, synchronous = 2, foreign_keys = 1, recursive_triggers = 1.' },
  ]);
  expect(await sqliteInspection.examineSettings(inMemory)).toMatchObject([
    { status: 'failed', message: expect.stringMatching(/^journal_mode is memory, not wal/) },
  ]);
  for (const pragma of ['synchronous = off', 'foreign_keys = off', 'recursive_triggers = off'])
    await database.em.getConnection().execute(`pragma ${pragma}`, [], 'run');
  expect((await sqliteInspection.examineSettings(database)).map(({ status }) => status)).toEqual([
    'failed',
    'failed',
    'failed',
  ]);
  expect(await examineFile(url.slice('sqlite:'.length))).toMatchObject([
    { message: expect.stringMatching(/^The file has \d+ MB, and the disk of .* has [\d,]+ MB free\.$/) },
  ]);
});

it('a file that cannot be written is a failure', async () => {
  expect(await examineFile('/nowhere/rollcall.sqlite')).toEqual([
    {
      status: 'failed',
      message: 'The file /nowhere/rollcall.sqlite may not be written (ENOENT).',
      advice: 'Give the user that runs Rollcall write access; SQLite creates files beside the database.',
    },
  ]);
});
