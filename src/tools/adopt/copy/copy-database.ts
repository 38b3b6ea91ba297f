import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../../database/database.js';
import type { TableName } from '../../../database/tables.js';
import { inTransaction } from '../../../transactions/transactions.js';
import type { OnProgress } from '../../progress.js';
import type { TheirDatabase } from '../found/their-database.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../../map/map-form.js';
import type { TheirRow } from '../../../map/sources.js';
import { addCourses, addEnrollments, addUsers, type Added } from './add-rows.js';
import { numberKeys, type CopiedKeys } from './copied-keys.js';
import { columnsReadBy, courseOf, enrollmentOf, userOf } from './our-rows.js';
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
  /** How keys become ours; as they are if left out. */
  readonly keys?: CopiedKeys;
  readonly onProgress?: OnProgress;
  /** Called for each row that is not copied, batch by batch. */
  readonly onRejected: (remark: CopyRemark) => void;
  /** Called for each row that is copied without one of its values. */
  readonly onNote: (remark: CopyRemark) => void;
  /** Ends the copy after the batch at hand. */
  readonly signal?: AbortSignal;
}

/**
 * Copies users, courses and enrollments of another application's database into this one, with their keys or with numbers
 * for these, in batches of one transaction each. A row that is there already stays as it is, so the same copy can be repeated, and goes on where
 * it stopped. The counts are kept as with every other write.
 */
export async function copyDatabase(
  theirs: TheirDatabase,
  map: DatabaseMap,
  database: Database,
  options: CopyOptions,
): Promise<CopyResult> {
  const now = new Date();
  const { keys = numberKeys } = options;
  const copies: Readonly<Record<MapPart, (rows: readonly TheirRow[]) => Promise<Added>>> = {
    users: rows =>
      inBatch(database, { part: 'users', map, keys }, rows, row => userOf(map.users, row, keys, now), addUsers),
    courses: rows =>
      inBatch(database, { part: 'courses', map, keys }, rows, row => courseOf(map.courses, row, keys, now), addCourses),
    enrollments: rows =>
      inBatch(
        database,
        { part: 'enrollments', map, keys },
        rows,
        row => enrollmentOf(map.enrollments, row, keys, now),
        addEnrollments,
      ),
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
  const { table, columns } = map[part];
  const [names, key] = [columnsReadBy(map, part), theirs.name(columns.id)];
  // SQLite allows keys without a value, which have no place in the order.
  const without = await theirs.read(table, names, `where ${key} is null`);
  if (without.length > 0) yield without;
  let last: unknown;
  for (;;) {
    const beyond = last === undefined ? 'is not null' : `> ${theirs.value(last)}`;
    const rows = await theirs.read(table, names, `where ${key} ${beyond} order by ${key} limit ${BATCH_ROWS}`);
    if (rows.length > 0) yield rows;
    if (rows.length < BATCH_ROWS) return;
    last = rows.at(-1)![columns.id];
  }
}

/** The rows of a batch: of which part, and how their keys become ours. */
interface CopiedBatch {
  readonly part: MapPart;
  readonly map: DatabaseMap;
  readonly keys: CopiedKeys;
}

/** Copies a batch in one transaction: its rows are read into ours, and those that can be are added. */
async function inBatch<Row extends { readonly id: number }>(
  database: Database,
  { part, map, keys }: CopiedBatch,
  theirRows: readonly TheirRow[],
  read: (row: TheirRow) => Row,
  add: (em: SqlEntityManager, rows: readonly Row[], keys: CopiedKeys) => Promise<Added>,
): Promise<Added> {
  const rows: Row[] = [];
  const rejected: Added['rejected'][number][] = [];
  const column = map[part].columns.id;
  for (const theirRow of theirRows) {
    const id = keys.textIn(part, column, theirRow) ?? 'without a key';
    // Templates have the key in them, which may be bytes.
    const row = theirRow[column] instanceof Uint8Array ? { ...theirRow, [column]: id } : theirRow;
    try {
      const ours = read(row);
      if (keys.wasRead(part, ours.id))
        throw new RejectedValue('DUPLICATE', 'Another row has the same key, in another spelling.');
      rows.push(ours);
    } catch (error) {
      if (!(error instanceof RejectedValue)) throw error;
      rejected.push({ id, code: error.code, message: error.message });
    }
  }
  await keys.keep();
  if (rows.length === 0) return { added: 0, rejected, notes: [] };
  // A batch that was copied already changes nothing when it is copied again.
  const added = await inTransaction(database, em => add(em, rows, keys), 'repeat');
  return { ...added, rejected: [...rejected, ...added.rejected] };
}
