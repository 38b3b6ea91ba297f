import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Kysely, sql, type Logger } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NodeSqliteFileDialect } from '../../src/database/dialects/sqlite/kysely-dialect.js';
import { waitUntil } from '../support/wait.js';

interface Tables {
  seat: { id: number };
}

let folder: string;
const opened: Kysely<Tables>[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-dialect-'));
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map(database => database.destroy()));
  rmSync(folder, { recursive: true, force: true });
});

function open(deadline: number, log?: Logger): Kysely<Tables> {
  const dialect = new NodeSqliteFileDialect(join(folder, 'test.sqlite'), deadline);
  const database = new Kysely<Tables>({ dialect, ...(log && { log }) });
  opened.push(database);
  return database;
}

it('a transaction that cannot begin before its deadline fails, and the connection serves the next one', async () => {
  const [holder, waiter] = [open(10_000), open(20)];
  await sql`create table seat (id integer primary key)`.execute(holder);
  const held = await holder.startTransaction().execute();
  await held.insertInto('seat').values({ id: 1 }).execute();
  const failing = [
    waiter.transaction().execute(() => Promise.resolve()),
    waiter.startTransaction().execute(),
    waiter.transaction().execute(() => Promise.resolve()),
  ];
  const outcomes = await Promise.allSettled(failing);
  expect(outcomes.map(outcome => outcome.status === 'rejected' && (outcome.reason as Error).message)).toEqual(
    failing.map(() => 'database is locked'),
  );
  await held.commit().execute();
  const next = await waiter.startTransaction().execute();
  expect(await next.selectFrom('seat').selectAll().execute()).toEqual([{ id: 1 }]);
  await next.rollback().execute();
});

it('transactions that queued behind one that could not begin try once more and give up with it, rather than one after the other', async () => {
  let tries = 0;
  const [holder, waiter] = [open(10_000), open(200, ({ level }) => void (tries += level === 'error' ? 1 : 0))];
  const held = await holder.startTransaction().execute();
  const failing = Array.from({ length: 6 }, () => waiter.transaction().execute(() => Promise.resolve()));
  const settled = Promise.allSettled(failing);
  await expect(failing[0]).rejects.toThrow('database is locked');
  const byTheFirst = tries;
  expect(byTheFirst).toBeGreaterThan(1);
  expect((await settled).map(({ status }) => status)).toEqual(failing.map(() => 'rejected'));
  expect(tries - byTheFirst).toBeLessThan(failing.length);
  await held.rollback().execute();
});

it('a transaction waits for another connection to finish and then reads what it wrote', async () => {
  const [holder, waiter] = [open(10_000), open(10_000)];
  await sql`create table seat (id integer primary key)`.execute(holder);
  const held = await holder.startTransaction().execute();
  await held.insertInto('seat').values({ id: 1 }).execute();
  const waiting = waiter.transaction().execute(transaction => transaction.selectFrom('seat').selectAll().execute());
  await held.commit().execute();
  expect(await waiting).toEqual([{ id: 1 }]);
});

it('transactions of one connection take turns', async () => {
  const database = open(10_000);
  await sql`create table seat (id integer primary key)`.execute(database);
  const counts = await Promise.all(
    Array.from({ length: 20 }, (_, id) =>
      database.transaction().execute(async transaction => {
        const before = await transaction.selectFrom('seat').selectAll().execute();
        await transaction.insertInto('seat').values({ id }).execute();
        return before.length;
      }),
    ),
  );
  expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index));
});

it('successive statements let other work have its turn, within a transaction too', async () => {
  const database = open(1000);
  // Counts to a million, which takes far longer than statements may run without yielding.
  const long = sql`with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000000) select count(*) from n`;
  let turns = 0;
  let isOver = false;
  const next = (): void => {
    turns += 1;
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  for (let times = 0; times < 3; times += 1) await long.execute(database);
  const outside = turns;
  await database.transaction().execute(async transaction => {
    for (let times = 0; times < 3; times += 1) await long.execute(transaction);
  });
  isOver = true;
  expect(outside).toBeGreaterThanOrEqual(2);
  expect(turns - outside).toBeGreaterThanOrEqual(2);
});

it('a reader beside writers that never pause has its turn at each turn of the event loop', async () => {
  const database = open(10_000);
  await database.schema.createTable('seat').addColumn('id', 'integer').execute();
  const long = sql`insert into seat (id) with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000) select i from n where i > 19999`;
  let [turns, isOver] = [0, false];
  const next = (): void => {
    turns += 1;
    if (!isOver) setImmediate(next);
  };
  const writers = Array.from({ length: 6 }, async () => {
    while (!isOver) {
      await database.transaction().execute(async transaction => {
        for (let times = 0; times < 4; times += 1) await long.execute(transaction);
      });
      await nextTurn();
    }
  });
  next();
  for (let reads = 0; reads < 20; reads += 1) await database.selectFrom('seat').select('id').limit(1).execute();
  const taken = turns;
  isOver = true;
  await Promise.all(writers);
  expect(taken).toBeLessThanOrEqual(2 * 20);
});

it('a commit does not copy a large log into the file: another connection does, whatever reads meanwhile, and then commits copy it again', async () => {
  const database = open(10_000);
  const pages = async (): Promise<number> =>
    (await sql<{ wal_autocheckpoint: number }>`pragma wal_autocheckpoint`.execute(database)).rows[0]!
      .wal_autocheckpoint;
  const bytes = (): number => statSync(join(folder, 'test.sqlite')).size;
  const add = (rows: number, size: number) =>
    database
      .transaction()
      .execute(tx =>
        sql`insert into large (text) with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows}) select zeroblob(${size}) from n`.execute(
          tx,
        ),
      );
  await sql`create table large (id integer primary key, text blob)`.execute(database);
  await add(10, 100);
  expect(await pages()).toBe(1000);
  await add(300, 100_000);
  // From now on only the thread can copy it: this connection must not.
  expect(await pages()).toBe(0);
  await waitUntil(() => bytes() > 30_000_000, 'The log was not copied into the file.');
  await waitUntil(async () => {
    await add(1, 100);
    return (await pages()) === 1000;
  }, 'Commits did not copy the log again.');
  expect((await sql<{ n: number }>`select count(*) as n from large`.execute(open(10_000))).rows[0]!.n).toBeGreaterThan(
    310,
  );
});
