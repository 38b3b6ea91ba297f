import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { MikroORM, type SqlEntityManager } from '@mikro-orm/sql';
import { afterEach, beforeEach, expect } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { ormOptions, type Options } from '../../src/database/orm-options.js';
import { inTransaction } from '../../src/transactions/transactions.js';
import { freshDatabase } from './databases.js';
import { addCourses } from './rows.js';

/** The message about a transaction that is run again. */
interface Retry {
  readonly error: Error & { readonly code?: string; readonly errno?: number; readonly errcode?: number };
  readonly pause: number;
}

/** A database of two courses for each test, which records how often transactions are run. */
export interface Tries {
  readonly database: Database;
  readonly url: string;
  readonly courses: readonly [number, number];
  /** What was published since the test began, oldest first. */
  readonly retries: readonly Retry[];
  /** A listener to each of them. */
  onRetry: () => void;
  /** Opens the same database again, or another URL, with options that override the usual ones. */
  readonly openAgain: (options?: Options, url?: string) => Promise<Database>;
  /**
   * Opens a transaction on a connection of its own that locks the first course; it ends with the test at the latest.
   */
  readonly hold: () => Promise<SqlEntityManager>;
  /** Runs work, which receives the number of its try, and asserts that each try has a new, empty entity manager. */
  readonly run: <Result>(
    work: (em: SqlEntityManager, attempt: number) => Promise<Result>,
    on?: Database,
  ) => Promise<{ tries: number }>;
  /** Returns the capacities of the two courses. */
  readonly capacities: () => Promise<(number | null)[]>;
  /** Runs work at the end of the test, in reverse order. */
  readonly atTheEnd: (tidy: () => unknown) => void;
}

/** Returns what the tests of a block need to watch transactions being run again. */
export function useRetries(kind: DatabaseKind): Tries {
  let fresh: Awaited<ReturnType<typeof freshDatabase>>;
  let courses: [number, number];
  const retries: Retry[] = [];
  const leftovers: (() => unknown)[] = [];
  const keep = (message: unknown): void => {
    retries.push(message as Retry);
    tries.onRetry();
  };
  const tries: Tries = {
    get database() {
      return fresh.database;
    },
    get url() {
      return fresh.url;
    },
    get courses() {
      return courses;
    },
    retries,
    onRetry: () => undefined,
    async openAgain(options = {}, url = fresh.url) {
      const opened = (await MikroORM.init({ ...(await ormOptions(url)), ...options } as never)) as unknown as Database;
      leftovers.push(() => opened.close(true));
      return opened;
    },
    async hold() {
      const holder = (await tries.openAgain()).em.fork() as SqlEntityManager;
      await holder.begin();
      await holder.execute('update core_course set title = ? where id = ?', ['Held', courses[0]], 'run');
      leftovers.push(() => (holder.isInTransaction() ? holder.rollback() : undefined));
      return holder;
    },
    async run(work, on = fresh.database) {
      const seen = new Set<SqlEntityManager>();
      await inTransaction(on, em => {
        expect(seen).not.toContain(em);
        expect([...em.getUnitOfWork().getIdentityMap().values()]).toEqual([]);
        return work(em, seen.add(em).size);
      });
      return { tries: seen.size };
    },
    capacities: async () =>
      (
        await fresh.database.em
          .getConnection()
          .execute<{ capacity: number | null }[]>('select capacity from core_course order by id')
      ).map(({ capacity }) => capacity),
    atTheEnd: tidy => void leftovers.push(tidy),
  };
  beforeEach(async () => {
    fresh = await freshDatabase(kind);
    leftovers.push(() => fresh.drop());
    courses = (await addCourses(fresh.database, [{}, {}])) as [number, number];
    retries.length = 0;
    tries.onRetry = () => undefined;
    subscribe('rollcall:transaction-retry', keep);
    leftovers.push(() => unsubscribe('rollcall:transaction-retry', keep));
  });
  afterEach(async () => {
    for (const tidy of leftovers.splice(0).toReversed()) await tidy();
  });
  return tries;
}

/** Raises a course's capacity by one, from nothing to 1. */
export function raiseCapacity(em: Pick<SqlEntityManager, 'execute'>, course: number): Promise<unknown> {
  return em.execute('update core_course set capacity = coalesce(capacity, 0) + 1 where id = ?', [course], 'run');
}
