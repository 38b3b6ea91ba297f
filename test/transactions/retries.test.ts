import { PassThrough } from 'node:stream';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CounterError } from 'mikro-orm-counters';
import { NodeSqliteFileDialect } from '../../src/database/dialects/sqlite/kysely-dialect.js';
import { TimeLimit, withinLimit } from '../../src/database/time-limits/time-limit.js';
import { Course, Role, User } from '../../src/entities/index.js';
import { runImport } from '../../src/tools/import/run-import.js';
import type { Source } from '../../src/tools/import/source.js';
import { patiently } from '../../src/transactions/transactions.js';
import { describeOnEach, kinds } from '../support/databases.js';
import { addUsers } from '../support/rows.js';
import { raiseCapacity, useRetries } from '../support/retries.js';

/** A time limit that only the test ends. */
const HOUR = 3600;
/** More than without a database. */
const RETRIES = 11;
const conflict = (): Error => new CounterError('COUNTER_CONFLICT', 'The row has moved.');

describeOnEach('a transaction', kind => {
  const its = useRetries(kind);

  it('a transaction that meets a conflict is run again, without anything of the previous try', async () => {
    const { tries } = await its.run(async (em, attempt) => {
      const course = await em.findOneOrFail(Course, its.courses[0]);
      expect(course.capacity).toBeNull();
      course.capacity = attempt;
      await em.flush();
      if (attempt < 3) throw conflict();
    });
    expect([tries, its.retries.length, await its.capacities()]).toEqual([3, 2, [3, null]]);
  });

  it.each<[string, (em: SqlEntityManager) => Promise<unknown>, object]>([
    [
      'a duplicate',
      async em =>
        em
          .persist(em.create(User, { name: 'Twin', email: (await em.findOneOrFail(User, { role: Role.ADMIN })).email }))
          .flush(),
      { name: 'UniqueConstraintViolationException' },
    ],
    [
      'a foreign key that points nowhere',
      em => em.execute('update core_course set instructor_id = 999999', [], 'run'),
      { name: 'ForeignKeyConstraintViolationException' },
    ],
    ['a statement with a mistake', em => em.execute('selec 1'), { name: 'SyntaxErrorException' }],
    ['a table that is not there', em => em.execute('select 1 from core_nothing'), { name: 'TableNotFoundException' }],
    [
      'a course that is not there',
      () => Promise.reject(new CounterError('COUNTER_TARGET_MISSING', 'There is no course.')),
      { code: 'COUNTER_TARGET_MISSING' },
    ],
    ['an error of its own', () => Promise.reject(new Error('mine')), { message: 'mine' }],
  ])('a transaction is never run again after %s, and the caller gets that error', async (_, fail, expected) => {
    await addUsers(its.database, Role.ADMIN, 1);
    let tries = 0;
    const work = its.run(async (em, attempt) => {
      tries = attempt;
      await raiseCapacity(em, its.courses[0]);
      return fail(em);
    });
    await expect(work).rejects.toMatchObject(expected);
    expect([tries, its.retries, await its.capacities()]).toEqual([1, [], [null, null]]);
  });
});

describe.each(kinds.filter(kind => kind === 'sqlite'))('a transaction on a file, %s,', kind => {
  const its = useRetries(kind);

  it('a transaction that finds the file locked is run again', async () => {
    const holder = await its.hold();
    its.onRetry = () => void holder.rollback();
    const hasty = await its.openAgain({
      driverOptions: new NodeSqliteFileDialect(its.url.slice('sqlite:'.length), 20),
    });
    const { tries } = await its.run(em => raiseCapacity(em, its.courses[0]), hasty);
    expect(tries).toBe(1);
    expect(its.retries[0]).toMatchObject({ error: { errcode: 5 } });
    expect(await its.capacities()).toEqual([1, null]);
  });

  // Only here, because it takes seconds and is independent of the database.
  it('a transaction is run again after each conflict until the time of its caller is over, after growing random pauses, and then is RETRY_LATER, caused by the last error', async () => {
    const limit = new TimeLimit(HOUR);
    let tries = 0;
    its.onRetry = () => {
      if (its.retries.length === RETRIES) limit.stop('deadline');
    };
    const work = withinLimit(limit, () =>
      its.run((_, attempt) => {
        tries = attempt;
        throw conflict();
      }),
    );
    await expect(work).rejects.toMatchObject({
      code: 'RETRY_LATER',
      message: expect.stringContaining('Nothing was changed; try again.'),
      cause: { code: 'COUNTER_CONFLICT' },
    });
    const pauses = its.retries.map(({ pause }) => pause);
    expect([tries, pauses.length]).toEqual([RETRIES, RETRIES]);
    pauses.forEach((pause, index) => {
      expect(pause).toBeGreaterThanOrEqual(Math.min(5 * 2 ** index, 1000));
      expect(pause).toBeLessThanOrEqual(Math.min(10 * 2 ** index, 1000));
    });
    // Without randomness, each would be twice the previous one up to the limit.
    expect(pauses.slice(1, 7).some((pause, index) => pause !== 2 * pauses[index]!)).toBe(true);
  });

  it.each<[string, number, number | 'patiently' | undefined]>([
    ['without a time limit', 10_000, undefined],
    ['with a longer time limit', 60_000, 60],
    ['with a shorter time limit', 1000, 1],
    ['of long work', 600_000, 'patiently'],
  ])('a transaction %s is run again after conflicts for %i ms', async (_, milliseconds, seconds) => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    its.onRetry = () => void vi.advanceTimersByTime(its.retries.length === 1 ? milliseconds - 1 : 1);
    const run = (): Promise<unknown> => its.run(() => Promise.reject(conflict()));
    const work =
      seconds === undefined
        ? run()
        : seconds === 'patiently'
          ? patiently(run)
          : withinLimit(new TimeLimit(seconds), run);
    await expect(work).rejects.toMatchObject({ code: 'RETRY_LATER', cause: { code: 'COUNTER_CONFLICT' } });
    expect(its.retries.length).toBe(2);
  });

  it('an import goes on after conflicts that last longer than a caller would wait', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    its.onRetry = () => void vi.advanceTimersByTime(60_000);
    const source: Source = { name: 'rows.csv', bytes: 0, open: () => new PassThrough().end() };
    const imported = await runImport<string>(
      its.database,
      {
        sources: [source],
        measured: source,
        async *blocks() {
          await Promise.resolve();
          yield { rows: ['a row'], bad: [], bytes: 0 };
        },
        write: () =>
          its.retries.length < 3 ? Promise.reject(conflict()) : Promise.resolve({ added: 1, alreadyThere: 0, bad: [] }),
        rehearsal: () => () => Promise.reject(new Error('Nothing is rehearsed.')),
      },
      {},
    );
    expect(imported).toMatchObject({ outcome: 'finished', added: 1 });
  });
});
