import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { isBusy } from '../../src/database/dialects/sqlite/errors.js';
import { openFile } from '../../src/database/dialects/sqlite/file.js';

it('a file that another process has locked is busy, and not taken for a file of another application', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-file-'));
  const path = join(folder, 'busy.sqlite');
  const other = new DatabaseSync(path);
  onTestFinished(() => {
    other.close();
    rmSync(folder, { recursive: true });
  });
  // The journal file stays, and shows that others may have this file open.
  other.exec('pragma journal_mode = persist; create table t (id integer); insert into t values (1)');
  const look = (select: (sql: string) => readonly object[]): boolean => {
    other.exec('begin exclusive');
    try {
      return select('select id from t').length > 0;
    } finally {
      other.exec('commit');
    }
  };
  expect(() => openFile(path, look)).toThrow(expect.toSatisfy(isBusy));
  const { database: opened } = openFile(path, select => select('select id from t').length > 0);
  opened.exec('insert into t values (2)');
  opened.close();
});
