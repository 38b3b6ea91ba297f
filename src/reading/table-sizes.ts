import type { Database } from '../database/database.js';
import { withoutLimit } from '../database/time-limits/time-limit.js';
import { keyFormOf } from '../database/mapped/key-forms.js';
import { builderFor, rows } from '../database/query.js';
import { numberOf, type StoredAggregate } from '../database/tables.js';

/** The sizes of the tables, as far as they determine how many rows a request can read. */
export interface TableSizes {
  readonly courses: number;
  readonly enrollments: number;
  /** The enrollments of the largest courses, the largest first. */
  readonly largest: readonly number[];
  /** The courses and enrollments of the teachers who have the most of each. */
  readonly mostTaught: { readonly courses: number; readonly enrollments: number };
  /** The runs, and the changes that they have recorded. */
  readonly runs: number;
  readonly changes: number;
}

/** The sizes of empty tables. */
export const NO_ROWS: TableSizes = {
  courses: 0,
  enrollments: 0,
  largest: [],
  mostTaught: { courses: 0, enrollments: 0 },
  runs: 0,
  changes: 0,
};

/** The number of the largest courses that are known individually; a page has no more. */
const MAX_LARGEST_COURSES = 100;

/** The sizes that are assumed until the tables have been read: those of a large school, to be on the safe side. */
export const ASSUMED_SIZES: TableSizes = {
  courses: 20_000,
  enrollments: 2_000_000,
  largest: Array.from({ length: MAX_LARGEST_COURSES }, (_, index) => Math.floor(190_000 / (index + 1))),
  mostTaught: { courses: 2000, enrollments: 200_000 },
  runs: 10_000,
  changes: 1_000_000,
};

/**
 * The time for which sizes are used before they are read again, in milliseconds, and the time after which a failed read
 * is repeated.
 */
const MAX_SIZES_AGE_MS = 300_000;
const RETRY_MS = 5000;

/**
 * The sizes of the tables, for prices. They are available at once, and are read again in the background when they are
 * used after five minutes. That takes four statements, over indexes and the table of courses alone.
 */
export class CachedTableSizes {
  #sizes = ASSUMED_SIZES;
  #readAgainAt = Number.NEGATIVE_INFINITY;

  /** Takes the database, and a function for an error of reading; the sizes then stay as they were. */
  constructor(
    private readonly database: Database,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  /** The sizes that were read last. */
  get current(): TableSizes {
    // Without a time limit: the request may end before they are read.
    if (performance.now() > this.#readAgainAt) void withoutLimit(() => this.refresh());
    return this.#sizes;
  }

  /** Reads the sizes now. */
  async refresh(): Promise<void> {
    // Before they are read, so that no other request reads them in the meantime.
    this.#readAgainAt = performance.now() + MAX_SIZES_AGE_MS;
    try {
      this.#sizes = roundedUp(await tableSizes(this.database));
    } catch (error) {
      this.#readAgainAt = performance.now() + RETRY_MS;
      this.onTrouble(error);
    }
  }
}

/** Returns the most enrollments that a number of courses can have, of which at most `each` are read for one course. */
export function rowsOfLargest(
  { largest, enrollments }: TableSizes,
  courses: number,
  each = Number.POSITIVE_INFINITY,
): number {
  const individual = largest.slice(0, courses).reduce((sum, size) => sum + Math.min(size, each), 0);
  // Courses that are not known individually are no larger than the last one that is.
  const others =
    Math.max(0, courses - largest.length) * Math.min(largest.length < MAX_LARGEST_COURSES ? 0 : largest.at(-1)!, each);
  return Math.min(individual + others, enrollments);
}

/** The smallest size after rounding up, in rows. */
const MIN_ROUNDED_ROWS = 16;

/**
 * Rounds sizes up, so that a price does not reveal how many rows there are: a client learns what its operations cost,
 * and does not see all of the courses and enrollments that they may read. On average, a table can grow by a third
 * before its rounded size changes.
 */
export function roundedUp({ courses, enrollments, largest, mostTaught, runs, changes }: TableSizes): TableSizes {
  return {
    courses: rounded(courses),
    enrollments: rounded(enrollments),
    largest: Array.from({ length: MAX_LARGEST_COURSES }, (_, index) => rounded(largest[index] ?? 0)),
    mostTaught: { courses: rounded(mostTaught.courses), enrollments: rounded(mostTaught.enrollments) },
    runs: rounded(runs),
    changes: rounded(changes),
  };
}

/** Rounds up to two binary digits: to 16, 24, 32, 48, 64, 96 and so on. */
function rounded(count: number): number {
  const power = 2 ** Math.ceil(Math.log2(Math.max(count, MIN_ROUNDED_ROWS)));
  return power * 0.75 >= Math.max(count, MIN_ROUNDED_ROWS) ? power * 0.75 : power;
}

async function tableSizes(database: Database): Promise<TableSizes> {
  const db = builderFor(database);
  const courses = db.selectFrom('core_course');
  const [all] = await rows(
    database,
    courses.select(eb => [
      eb.fn.countAll<number>().as('courses'),
      eb.fn.sum<StoredAggregate>('total_enrollments').as('enrollments'),
    ]),
  );
  const largest = await rows(
    database,
    courses.select('total_enrollments').orderBy('total_enrollments', 'desc').limit(MAX_LARGEST_COURSES),
  );
  const taught = courses
    .where('instructor_id', 'is not', null)
    .groupBy('instructor_id')
    .select(eb => [
      eb.fn.countAll<number>().as('courses'),
      eb.fn.sum<StoredAggregate>('total_enrollments').as('enrollments'),
    ]);
  const [most] = await rows(
    database,
    db
      .selectFrom(taught.as('taught'))
      .select(eb => [eb.fn.max('courses').as('courses'), eb.fn.max('enrollments').as('enrollments')]),
  );
  const [last] = await rows(
    database,
    db.selectNoFrom(eb => [
      // Numbers are given in their order; other keys are counted.
      eb
        .selectFrom('core_enrollments')
        .select(sub =>
          (keyFormOf(database, 'enrollments') === 'number'
            ? sub.fn.max<StoredAggregate>('id')
            : sub.fn.countAll<number>()
          ).as('id'),
        )
        .as('enrollment'),
      eb
        .selectFrom('core_recount_runs')
        .select(sub => sub.fn.max('id').as('id'))
        .as('run'),
      eb
        .selectFrom('core_recount_changes')
        .select(sub => sub.fn.max('id').as('id'))
        .as('change'),
    ]),
  );
  // A stored count that was written by a bypass must not make every request too expensive.
  const highest = numberOf(last!.enrollment);
  const atMost = (count: StoredAggregate): number => Math.min(numberOf(count), highest);
  return {
    courses: numberOf(all!.courses),
    enrollments: atMost(all!.enrollments),
    largest: largest.map(row => atMost(row.total_enrollments)),
    mostTaught: { courses: numberOf(most!.courses), enrollments: atMost(most!.enrollments) },
    runs: numberOf(last!.run),
    changes: numberOf(last!.change),
  };
}
