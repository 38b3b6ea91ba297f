import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { LockMode } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { adjust, countersInto, paceFor, verify, type ChunkPace, type ResolvedCounter } from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { countOf, Course, type Key } from '../../entities/index.js';
import { adminOnly } from '../../access/access.js';
import type { Source } from '../import/source.js';
import { AdaptiveThrottle } from '../../recounts/adaptive-throttle.js';
import { inTransaction, patiently } from '../../transactions/transactions.js';
import type { Viewer } from '../../access/viewer.js';
import { BackupError } from './backup-error.js';
import type { BackupHeader, BackupRow } from './backup-format.js';
import { compareBackup, type BackupComparison, type CountToRestore } from './compare-backup.js';
import { readHeader, backupRows } from './read-backup.js';

/** The most courses that are compared at once, and the most that one transaction locks. */
export const MAX_COURSES_AT_ONCE = 500;

/** The part of the duration of a transaction for which the work rests after it, so that waiting writers come in. */
const REST_SHARE = 0.25;

/** The result of a restore, or of as much of it as was done. */
export interface Restored {
  /** `interrupted` if the signal ended it early. */
  readonly outcome: 'finished' | 'interrupted';
  /** Counts the courses of the file up to the last one that was restored or needed nothing. */
  readonly done: number;
  readonly changes: number;
  readonly changedCourses: number;
  /** The id of the last course of the file that was restored or needed nothing; null: there is none yet. */
  readonly lastId: Key | null;
  /** Counts those of the courses' counts that did not match their rows after their transaction. */
  readonly drifting: number;
}

/** A backup that is complete and fits this database. */
export interface CheckedBackup {
  readonly header: BackupHeader;
  readonly comparison: BackupComparison;
}

/** How a restore runs. */
export interface RestoreOptions {
  /** Ends the work after the current transaction. */
  readonly signal?: AbortSignal;
  /** Called after each transaction, with all that is done. */
  readonly onRestored?: (soFar: Restored) => void;
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
  for await (const _ of backupRows(database, source, header));
  const comparison = await compareBackup(database, header, backupRows(database, source, header), onChanges);
  if (comparison.common === 0 && header.courses > 0)
    throw new BackupError(
      `The database has none of the ${header.courses} courses of ${source.name}. It is a backup of another database; check DATABASE_URL.`,
    );
  return { header, comparison };
}

/**
 * Sets the stored counts to those of a backup, in ascending order of the ids; admins.
 *
 * The file is read to its end before anything is written. Then the courses that differ from it are set under their
 * locks, some in each transaction, so that writers wait for few of them and not for long. It locks as writers do and so
 * deadlocks with none. Whatever ends the work, each course has either its former counts or those of the file, and doing
 * it again finishes. What has changed since the backup was made is drift afterwards. Errors: BackupError; those of
 * inTransaction().
 */
export async function restoreCounts(
  database: Database,
  caller: Viewer | null,
  source: Source,
  { signal, onRestored }: RestoreOptions = {},
): Promise<Restored> {
  adminOnly(caller);
  const counters = countersInto(database.em, Course);
  const header = await readHeader(
    source,
    counters.map(({ name }) => name),
  );
  for await (const _ of backupRows(database, source, header));
  const transactions = new RestoringTransactions(database, counters);
  let restored: Restored = { outcome: 'finished', done: 0, changes: 0, changedCourses: 0, lastId: null, drifting: 0 };
  const note = (more: Partial<Restored>): void => {
    restored = { ...restored, ...more };
    onRestored?.(restored);
  };
  try {
    for await (const rows of chunksOf(backupRows(database, source, header))) {
      const wanted = rows.map(({ id, counts }): WantedCounts => ({
        id,
        counts: counters.map(({ name }) => counts[header.counters.indexOf(name)]!),
      }));
      const { done: before } = restored;
      const differing = await differingFrom(database, counters, wanted);
      for (let from = 0, part; from < differing.length; from += part.length) {
        if (signal?.aborted) return { ...restored, outcome: 'interrupted' };
        part = differing.slice(from, from + transactions.size);
        const { changes, changedCourses } = await transactions.set(part);
        const last = part.at(-1)!;
        note({
          done: before + wanted.indexOf(last) + 1,
          changes: restored.changes + changes,
          changedCourses: restored.changedCourses + changedCourses,
          lastId: last.id,
        });
      }
      const drifting = restored.drifting + (await driftingOf(database, wanted));
      note({ done: before + wanted.length, lastId: wanted.at(-1)!.id, drifting });
    }
    return restored;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError(
      `${source.name} was changed while it was restored, up to course ${restored.lastId}. Restore a whole copy of it, or count again with "rollcall recount".`,
      { cause: error },
    );
  }
}

/** A course of a backup with its counts, in the order of the declared counters. */
interface WantedCounts {
  readonly id: Key;
  readonly counts: readonly number[];
}

/** What one transaction changed. */
interface Changed {
  readonly changes: number;
  readonly changedCourses: number;
  /**
   * A count that it changed, with the drift that this left: no writer changes a drift, so it tells later whether the
   * transaction was committed. Null: it changed nothing.
   */
  readonly trace: Trace | null;
}

interface Trace {
  readonly id: Key;
  readonly counter: string;
  readonly drift: number;
}

/** The transactions of a restore, whose number of courses follows from how long they take. */
class RestoringTransactions {
  readonly #pace: ChunkPace;
  readonly #throttle = new AdaptiveThrottle();

  constructor(
    private readonly database: Database,
    private readonly counters: readonly ResolvedCounter[],
  ) {
    this.#pace = paceFor(database.em);
  }

  /** The number of courses that the next transaction should have. */
  get size(): number {
    return this.#pace.size;
  }

  /** Sets the counts of courses in one transaction, and then rests. */
  async set(courses: readonly WantedCounts[]): Promise<Changed> {
    const start = performance.now();
    const changed = await patiently(() =>
      inTransaction(
        this.database,
        em => this.#setIn(em, courses),
        async (em, { trace }) => trace === null || (await this.#isCommitted(em, trace)),
      ),
    );
    const took = performance.now() - start;
    this.#pace.took(took, courses.length);
    const pause = this.#throttle.pauseAfter(took, courses.length);
    if (pause > 0) this.#pace.slowDown();
    await delay(pause + took * REST_SHARE);
    return changed;
  }

  async #setIn(em: SqlEntityManager, courses: readonly WantedCounts[]): Promise<Changed> {
    const stored = await storedCounts(em, this.counters, idsOf(courses), LockMode.PESSIMISTIC_WRITE);
    let [changes, changedCourses] = [0, 0];
    let smallest: WantedCounts | null = null;
    for (const course of courses) {
      const before = stored.get(course.id);
      const amounts = before && course.counts.map((count, index) => count - before[index]!);
      if (!amounts?.some(amount => amount !== 0)) continue;
      const byCounter = Object.fromEntries(this.counters.map(({ name }, index) => [name, amounts[index]!]));
      changes += (await adjust(em, Course, [course.id], byCounter))!.length;
      changedCourses += 1;
      if (!smallest || Math.max(...course.counts) < Math.max(...smallest.counts)) smallest = course;
    }
    const trace = smallest && (await this.#traceOf(em, smallest, stored.get(smallest.id)!));
    return { changes, changedCourses, trace };
  }

  /** Returns the trace of a course that was just set; only one course, because its rows are counted under its lock. */
  async #traceOf(em: SqlEntityManager, { id, counts }: WantedCounts, before: readonly number[]): Promise<Trace> {
    const { name } = this.counters[counts.findIndex((count, index) => count !== before[index])]!;
    return { id, counter: name, drift: (await driftOf(em, id, name))! };
  }

  async #isCommitted(em: SqlEntityManager, { id, counter, drift }: Trace): Promise<boolean> {
    await storedCounts(em, this.counters, [id], LockMode.PESSIMISTIC_WRITE);
    return (await driftOf(em, id, counter)) === drift;
  }
}

/** Returns the courses that exist and whose counts are others, without a lock. */
async function differingFrom(
  database: Database,
  counters: readonly ResolvedCounter[],
  wanted: readonly WantedCounts[],
): Promise<WantedCounts[]> {
  const stored = await storedCounts(database.em.fork(), counters, idsOf(wanted));
  return wanted.filter(({ id, counts }) => {
    const now = stored.get(id);
    return now && !isDeepStrictEqual(now, counts);
  });
}

async function driftingOf(database: Database, courses: readonly WantedCounts[]): Promise<number> {
  let drifting = 0;
  const keys = idsOf(courses).map(id => [id]);
  for await (const { drifts } of verify(database.em.fork(), Course, { keys })) drifting += drifts.length;
  return drifting;
}

/** Returns the drift of one count of one course; undefined: the course is gone. */
async function driftOf(em: SqlEntityManager, id: Key, counter: string): Promise<number | undefined> {
  for await (const { counts } of verify(em, Course, { keys: [[id]], all: true })) {
    const found = counts.find(one => one.counter === counter);
    if (found) return countOf(found.stored) - countOf(found.actual);
  }
  return undefined;
}

/**
 * Gives the stored counts of courses, in the order of the counters; a course that is not there is left out. Locks are
 * taken in ascending order of the ids.
 */
async function storedCounts(
  em: SqlEntityManager,
  counters: readonly ResolvedCounter[],
  ids: readonly Key[],
  lock?: LockMode,
): Promise<Map<Key, number[]>> {
  const query = em
    .createQueryBuilder(Course, 'c')
    .select(['id', ...counters.map(({ property }) => property)] as never)
    .where({ id: { $in: [...ids] } })
    .orderBy({ id: 'asc' });
  if (lock !== undefined) query.setLockMode(lock);
  const found = (await query.execute('all')) as unknown as Record<string, number>[];
  return new Map(found.map(row => [row['id']!, counters.map(({ property }) => row[property]!)]));
}

function idsOf(courses: readonly { readonly id: Key }[]): Key[] {
  return courses.map(({ id }) => id);
}

async function* chunksOf(rows: AsyncIterable<BackupRow>): AsyncGenerator<BackupRow[]> {
  let chunk: BackupRow[] = [];
  for await (const row of rows) {
    chunk.push(row);
    if (chunk.length < MAX_COURSES_AT_ONCE) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
