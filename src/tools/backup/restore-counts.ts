import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { adjust, countersInto, verify, type ResolvedCounter } from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { Course } from '../../entities/index.js';
import { adminOnly } from '../../access/access.js';
import type { Source } from '../import/source.js';
import type { OnProgress } from '../progress.js';
import { inTransaction } from '../../transactions/transactions.js';
import type { Viewer } from '../../access/viewer.js';
import { BackupError } from './backup-error.js';
import type { BackupHeader, BackupRow } from './backup-format.js';
import { compareBackup, type BackupComparison, type CountToRestore } from './compare-backup.js';
import { readHeader, backupRows } from './read-backup.js';

/** The most courses that one statement locks. */
const ROWS_PER_CHUNK = 500;

/** The result of a restore. */
export interface Restored {
  readonly changes: number;
  readonly changedCourses: number;
  /** Counts those of the backup's courses' counts that do not match their rows now. */
  readonly drifting: number;
}

/** A backup that is complete and fits this database. */
export interface CheckedBackup {
  readonly header: BackupHeader;
  readonly comparison: BackupComparison;
}

/** How a restore runs. */
export interface RestoreOptions {
  /** Stops the work after the current courses; then nothing is changed. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/**
 * Reads a backup to its end and compares it with the database, whose counts stay as they are; admins.
 *
 * Errors: BackupError where it is not whole, is of another schema, or names none of the database's courses.
 */
export async function checkBackup(
  database: Database,
  caller: Viewer | null,
  source: Source,
  onChanges: (changes: readonly CountToRestore[]) => void,
): Promise<CheckedBackup> {
  adminOnly(caller);
  const header = await readHeader(
    source,
    countersInto(database.em as SqlEntityManager, Course).map(({ name }) => name),
  );
  // To the end, before anything is said of its contents.
  for await (const _ of backupRows(source, header));
  const comparison = await compareBackup(database, header, backupRows(source, header), onChanges);
  if (comparison.common === 0 && header.courses > 0)
    throw new BackupError(
      `The database has none of the ${header.courses} courses of ${source.name}. It is a backup of another database; check DATABASE_URL.`,
    );
  return { header, comparison };
}

/**
 * Sets the stored counts to those of a backup, each course under its lock, in ascending order of the ids, and all in
 * one transaction: either every course of the backup that is there has its old counts, or nothing has changed. Admins.
 *
 * It locks as writers do and so deadlocks with none, but whoever writes to these courses waits until it ends. What
 * changed since the backup was made is drift afterwards. Gives null where it was told to give up. Errors: BackupError;
 * those of inTransaction().
 */
export async function restoreCounts(
  database: Database,
  caller: Viewer | null,
  source: Source,
  { signal, onProgress }: RestoreOptions = {},
): Promise<Restored | null> {
  adminOnly(caller);
  const counters = countersInto(database.em, Course);
  const header = await readHeader(
    source,
    counters.map(({ name }) => name),
  );
  const gaveUp = new Error('The restore was told to give up.');
  try {
    return await inTransaction(
      database,
      async em => {
        const restored = { changes: 0, changedCourses: 0, drifting: 0 };
        let done = 0;
        for await (const chunk of chunksOfRows(backupRows(source, header))) {
          if (signal?.aborted) throw gaveUp;
          await restoreChunk(em, counters, header, chunk, restored);
          done += chunk.length;
          onProgress?.({ done, total: header.courses, rows: done });
        }
        return restored;
      },
      // Setting the same counts once more changes nothing.
      'repeat',
    );
  } catch (error) {
    if (error === gaveUp) return null;
    throw error;
  }
}

async function restoreChunk(
  em: SqlEntityManager,
  counters: readonly ResolvedCounter[],
  header: BackupHeader,
  chunk: readonly BackupRow[],
  restored: { -readonly [Name in keyof Restored]: number },
): Promise<void> {
  const stored = await lockedCounts(
    em,
    counters,
    chunk.map(({ id }) => id),
  );
  for (const { id, counts } of chunk) {
    const before = stored.get(id);
    if (!before) continue;
    const amounts = Object.fromEntries(
      counters.map(({ name }, index) => [name, counts[header.counters.indexOf(name)]! - before[index]!]),
    );
    if (Object.values(amounts).every(amount => amount === 0)) continue;
    restored.changes += (await adjust(em, Course, [id], amounts))!.length;
    restored.changedCourses += 1;
  }
  if (stored.size === 0) return;
  for await (const { drifts } of verify(em, Course, {
    keys: [...stored.keys()].map(id => [id]),
    batchSize: ROWS_PER_CHUNK,
  }))
    restored.drifting += drifts.length;
}

/**
 * Locks courses in ascending id order and gives their stored counts, in the order of the counters; one that is not
 * there is left out.
 */
async function lockedCounts(
  em: SqlEntityManager,
  counters: readonly ResolvedCounter[],
  ids: readonly number[],
): Promise<Map<number, number[]>> {
  const query = em
    .createQueryBuilder(Course, 'c')
    .select(['id', ...counters.map(({ property }) => property)] as never)
    .where({ id: { $in: [...ids] } });
  const found = (await query
    .orderBy({ id: 'asc' })
    .setLockMode(LockMode.PESSIMISTIC_WRITE)
    .execute('all')) as unknown as Record<string, number>[];
  return new Map(found.map(row => [row['id']!, counters.map(({ property }) => row[property]!)]));
}

async function* chunksOfRows(rows: AsyncIterable<BackupRow>): AsyncGenerator<BackupRow[]> {
  let chunk: BackupRow[] = [];
  for await (const row of rows) {
    chunk.push(row);
    if (chunk.length < ROWS_PER_CHUNK) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
