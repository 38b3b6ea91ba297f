import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../../database/database.js';
import type { TableName } from '../../../database/tables.js';
import { inTransaction } from '../../../transactions/transactions.js';
import type { OnProgress } from '../../progress.js';
import type { TheirDatabase } from '../found/their-database.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import { textOf, type TheirRow } from '../../../map/sources.js';
import { addCourses, addEnrollments, addUsers, type Added } from './add-rows.js';
import { columnsOf, courseOf, enrollmentOf, userOf } from './our-rows.js';
import { RejectedValue, type RejectionCode } from './our-values.js';

/** The tables into which rows are copied. */
const COPIED_TABLES: readonly TableName[] = ['core_user', 'core_course', 'core_enrollments'];

/** The number of rows that one transaction copies. */
const BATCH_ROWS = 1000;

/** A row that was not copied, and why; or, as a note, one that was copied without one of its values. */
export interface CopyRemark {
  readonly table: string;
  /** The key of the row, as the database shows it. */
  readonly id: string;
  readonly code: RejectionCode | 'UNKNOWN_INSTRUCTOR' | 'EMAIL_REPLACED';
  readonly message: string;
}

/** What a copy did with the rows of one table. */
interface CopiedPart {
  readonly table: string;
  readonly rows: number;
  readonly added: number;
  readonly alreadyThere: number;
  readonly rejected: number;
}

/** The result of a copy. */
export interface CopyResult {
  readonly parts: Readonly<Record<MapPart, CopiedPart>>;
  readonly outcome: 'finished' | 'interrupted';
}

/** How a copy runs. */
export interface CopyOptions {
  readonly onProgress?: OnProgress;
  /** Called for each row that is not copied, batch by batch. */
  readonly onRejected: (remark: CopyRemark) => void;
  /** Called for each row that is copied without one of its values. */
  readonly onNote: (remark: CopyRemark) => void;
  /** Ends the copy after the batch at hand. */
  readonly signal?: AbortSignal;
}

/**
 * Copies users, courses and enrollments of another application's database into this one, with their keys, in batches of
 * one transaction each. A row that is there already stays as it is, so the same copy can be repeated, and goes on where
 * it stopped. The counts are kept as with every other write.
 */
export async function copyDatabase(
  theirs: TheirDatabase,
  map: DatabaseMap,
  database: Database,
  options: CopyOptions,
): Promise<CopyResult> {
  const now = new Date();
  const keys = {
    users: map.users.columns.id,
    courses: map.courses.columns.id,
    enrollments: map.enrollments.columns.id,
  };
  const copies: Readonly<Record<MapPart, (rows: readonly TheirRow[]) => Promise<Added>>> = {
    users: rows => inBatch(database, rows, keys.users, row => userOf(map.users, row, now), addUsers),
    courses: rows => inBatch(database, rows, keys.courses, row => courseOf(map.courses, row, now), addCourses),
    enrollments: rows =>
      inBatch(database, rows, keys.enrollments, row => enrollmentOf(map.enrollments, row, now), addEnrollments),
  };
  const parts = Object.fromEntries(
    mapParts.map(part => [part, { table: map[part].table, rows: 0, added: 0, alreadyThere: 0, rejected: 0 }]),
  ) as Record<MapPart, CopiedPart>;
  let total = 0;
  for (const part of mapParts) total += await theirs.count(map[part].table);
  let done = 0;
  let outcome: CopyResult['outcome'] = 'finished';
  const copyPart = async (part: MapPart): Promise<void> => {
    const { table } = map[part];
    for await (const rows of batchesOf(theirs, map, part)) {
      if (options.signal?.aborted) {
        outcome = 'interrupted';
        return;
      }
      const { added, rejected, notes } = await copies[part](rows);
      for (const remark of rejected) options.onRejected({ table, ...remark });
      for (const remark of notes) options.onNote({ table, ...remark });
      const before = parts[part];
      parts[part] = {
        ...before,
        rows: before.rows + rows.length,
        added: before.added + added,
        alreadyThere: before.alreadyThere + rows.length - added - rejected.length,
        rejected: before.rejected + rejected.length,
      };
      done += rows.length;
      options.onProgress?.({ done, total, rows: done });
    }
  };
  for (const part of mapParts) await copyPart(part);
  // The rows brought their keys along; the next new row must not get one of them.
  await dialectOf(database).schema.followKeys(database, COPIED_TABLES);
  return { parts, outcome };
}

/** Reads a table in the order of its keys, some rows at a time. */
async function* batchesOf(theirs: TheirDatabase, map: DatabaseMap, part: MapPart): AsyncGenerator<TheirRow[]> {
  const [table, key] = [theirs.name(map[part].table), map[part].columns.id];
  const columns = columnsOf(map, part).map(column => theirs.name(column));
  let last: unknown;
  for (;;) {
    const beyond = last === undefined ? '' : ` where ${theirs.name(key)} > ?`;
    const rows = await theirs.rows(
      `select ${columns.join(', ')} from ${table}${beyond} order by ${theirs.name(key)} limit ${BATCH_ROWS}`,
      last === undefined ? [] : [last],
    );
    if (rows.length > 0) yield rows;
    if (rows.length < BATCH_ROWS) return;
    last = rows.at(-1)![key];
  }
}

/** Copies a batch in one transaction: its rows are read into ours, and those that can be are added. */
async function inBatch<Row extends { readonly id: number }>(
  database: Database,
  theirRows: readonly TheirRow[],
  key: string,
  read: (row: TheirRow) => Row,
  add: (em: SqlEntityManager, rows: readonly Row[]) => Promise<Added>,
): Promise<Added> {
  const rows: Row[] = [];
  const rejected: Added['rejected'][number][] = [];
  for (const row of theirRows) {
    try {
      rows.push(read(row));
    } catch (error) {
      if (!(error instanceof RejectedValue)) throw error;
      rejected.push({ id: textOf(row[key]) ?? 'without a key', code: error.code, message: error.message });
    }
  }
  if (rows.length === 0) return { added: 0, rejected, notes: [] };
  // A batch that was copied already changes nothing when it is copied again.
  const added = await inTransaction(database, em => add(em, rows), 'repeat');
  return { ...added, rejected: [...rejected, ...added.rejected] };
}
