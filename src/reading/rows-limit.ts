/**
 * The limit of the rows that one list reads where no index has its rows in order: those that are compared with a filter,
 * counted, or sorted. A list beyond it is an error and never a part of its rows.
 */
import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import { keyFormOf } from '../database/mapped/key-forms.js';
import { builderFor, rows } from '../database/query.js';
import { unlessStopped, withoutLimit, WorkStopped } from '../database/time-limits/time-limit.js';
import { numberOf, type StoredAggregate, type Tables } from '../database/tables.js';
import type { ListedTable } from './merged-page.js';

/** The limits of databases, by their drivers. */
const limits = new WeakMap<object, number>();

/** Limits the rows that each list of a database reads from now on; without a limit, they read as many as they need. */
export function limitRowsRead({ driver }: Database, most: number): void {
  limits.set(driver, most);
}

/** Returns the most rows that a list of a database may read. */
export function maxRowsRead({ driver }: Database): number {
  return limits.get(driver) ?? Number.POSITIVE_INFINITY;
}

/** The error for a list that would read more rows than are allowed, which names its filter. */
export class TooManyRows extends Error {
  readonly code = 'TOO_MANY_ROWS';
  /** The parts of the filter, such as `filter.title`; null: the list has none. */
  readonly argument: string | null;

  constructor(database: Database, filter: object, reading: 'page' | 'count') {
    const names = Object.entries(filter).flatMap(([name, value]) => (value == null ? [] : [`filter.${name}`]));
    const [given, most] = [names.join(', '), maxRowsRead(database)];
    super(
      reading === 'page'
        ? `${given || 'The list'}: more than ${most} rows would be read to find this page (MAX_ROWS_READ). Add a condition that fewer rows meet, or choose another order.`
        : `totalCount${given && ` with ${given}`}: more than ${most} rows would be read to count them (MAX_ROWS_READ). Leave "totalCount" out, or add a condition that fewer rows meet.`,
    );
    this.name = 'TooManyRows';
    this.argument = given || null;
  }
}

/** The time for which the highest and the lowest key of a table are used before they are read again, in milliseconds. */
const MAX_KEY_RANGE_AGE_MS = 300_000;

/** The most rows that a table has, which several requests wait for together. */
interface KeySpan {
  readonly rows: Promise<number>;
  readonly readAt: number;
}

const keySpans = new WeakMap<object, Map<ListedTable, KeySpan>>();

/**
 * Returns true if a list reads no more rows than are allowed even if it reads each row of a table several times: by the
 * highest and the lowest key, between which there are no more rows; where keys are no numbers, by counting as many rows
 * as are allowed.
 */
export async function fitsLimit(database: Database, table: ListedTable, times: number): Promise<boolean> {
  const most = maxRowsRead(database);
  if (most === Number.POSITIVE_INFINITY) return true;
  let spans = keySpans.get(database.driver);
  if (!spans) keySpans.set(database.driver, (spans = new Map<ListedTable, KeySpan>()));
  let span = spans.get(table);
  if (!span || performance.now() - span.readAt > MAX_KEY_RANGE_AGE_MS)
    spans.set(table, (span = { rows: withoutLimit(() => keySpan(database, table)), readAt: performance.now() }));
  try {
    return (await unlessStopped(span.rows)) * times <= most;
  } catch (error) {
    if (spans.get(table) === span && !(error instanceof WorkStopped)) spans.delete(table);
    throw error;
  }
}

async function keySpan(database: Database, table: ListedTable): Promise<number> {
  const db = builderFor(database);
  if (keyFormOf(database, table === 'core_course' ? 'courses' : 'enrollments') !== 'number') {
    const some = db
      .selectFrom(table)
      .select('id')
      .limit(maxRowsRead(database) + 1);
    const [counted] = await rows(
      database,
      db.selectFrom(some.as('some')).select(eb => eb.fn.countAll<StoredAggregate & number>().as('count')),
    );
    return numberOf(counted!.count);
  }
  // Two queries in one, because SQLite reads the whole table for both at once.
  const [found] = await rows(
    database,
    db.selectNoFrom(eb => [
      eb
        .selectFrom(table)
        .select(sub => sub.fn.min<StoredAggregate>('id' as never).as('of_row'))
        .as('lowest'),
      eb
        .selectFrom(table)
        .select(sub => sub.fn.max<StoredAggregate>('id' as never).as('of_row'))
        .as('highest'),
    ]),
  );
  return found!.highest === null ? 0 : numberOf(found!.highest) - numberOf(found!.lowest) + 1;
}

/** Returns true if a query, by an index that has its rows, has more than a number of them; it reads one more at most. */
export async function hasMoreThan<Table extends keyof Tables>(
  database: Database,
  query: SelectQueryBuilder<Tables, Table, object>,
  most: number,
): Promise<boolean> {
  const beyond = query
    .offset(Math.floor(most))
    .limit(1)
    .select(eb => eb.lit(1).as('beyond'));
  return (await rows(database, beyond)).length > 0;
}
