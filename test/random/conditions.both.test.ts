import fc from 'fast-check';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import {
  CounterError,
  deleteWhere,
  insertMany,
  registryOf,
  updateWhere,
  verify,
  type Counter,
} from 'mikro-orm-counters';
import { conditionSql, meets } from '../../src/counters/src/declarations/condition.js';

import { describeOnEngineDatabases, type EngineDatabaseKind } from '../support/databases.js';
import { freshSchema } from '../support/schema.js';
import { anyCondition, anyWrite, type AnyCondition, type AnyWrite } from './conditions/arbitraries.js';
import { COUNTERS, Keeper, Place, Shell, Shore } from './conditions/shells.js';
import { checkRounds, readRunOptions } from './model-check.js';

const options = readRunOptions(25);

const subject = 'random conditions';
/** How many writes are done with the same conditions. */
const WRITES_PER_ROUND = 25;

describeOnEngineDatabases(subject, kind => {
  it(
    'memory, SQL and the stored counts agree on every row about random conditions after random writes',
    { timeout: options.timeout },
    async () => {
      const done = await checkRounds(`${subject} on ${kind}`, options, WRITES_PER_ROUND, async (seed, count) => {
        // Not by fc.assert(): a smaller counterexample would say no more, because a failure names the condition and the row.
        const [some] = fc.sample(
          fc.record({
            conditions: fc.array(anyCondition, { minLength: COUNTERS, maxLength: COUNTERS }),
            writes: fc.array(anyWrite, { minLength: count, maxLength: count }),
          }),
          { numRuns: 1, seed },
        );
        await check(kind, some!.conditions, some!.writes);
        return count;
      });
      expect(done).toBeGreaterThanOrEqual(options.operations);
    },
  );
});

async function check(
  kind: EngineDatabaseKind,
  conditions: readonly AnyCondition[],
  writes: readonly AnyWrite[],
): Promise<void> {
  const counters = conditions.map(({ where }, index): Counter => ({
    counted: Shell,
    by: 'shore',
    into: `c${index}`,
    where,
  }));
  const { database, drop } = await freshSchema(kind, { entities: [Shore, Keeper, Place, Shell], counters });
  try {
    const em = () => database.em.fork();
    const start = em();
    for (const entity of [Shore, Keeper]) for (const id of [1, 2]) start.create(entity as typeof Keeper, { id });
    await start.flush();
    for (const write of writes) await perform(kind, em(), write);
    await expectAgreement(em(), kind, conditions);
  } finally {
    await drop();
  }
}

/** Does a write; one that the engine refuses because it cannot be foreseen must change nothing. */
async function perform(kind: EngineDatabaseKind, em: SqlEntityManager, write: AnyWrite): Promise<void> {
  const rowOf = (row: Record<string, unknown>) => (kind === 'sqlite' ? withSafeNumbers(row) : row);
  const shoreOf = (index: number): number => (index % 2) + 1;
  const ids = (await em.find(Shell, {}, { fields: ['id'], orderBy: { id: 'asc' } })).map(({ id }) => id);
  em.clear();
  const chosen = 'picks' in write ? write.picks.flatMap(pick => ids[pick % ids.length] ?? []) : [];
  try {
    switch (write.type) {
      case 'create':
        write.rows.forEach((row, index) => em.create(Shell, { ...rowOf(row), shore: shoreOf(index) } as never));
        return await em.flush();
      case 'insertMany':
        return void (await insertMany(
          em,
          Shell,
          write.rows.map((row, index) => ({ ...rowOf(row), shore: shoreOf(index) })) as never,
        ));
      case 'update':
        for (const shell of await em.find(Shell, { id: chosen })) em.assign(shell, rowOf(write.row) as never);
        return await em.flush();
      case 'updateWhere':
        if (Object.keys(write.row).length === 0) return;
        return void (await updateWhere(em, Shell, { id: chosen }, rowOf(write.row) as never));
      case 'remove':
        for (const shell of await em.find(Shell, { id: chosen })) em.remove(shell);
        return await em.flush();
      case 'deleteWhere':
        return void (await deleteWhere(em, Shell, { id: chosen }));
    }
  } catch (error) {
    if (!(error instanceof CounterError && error.code === 'COUNTER_BYPASS')) throw error;
  }
}

async function expectAgreement(
  em: SqlEntityManager,
  kind: EngineDatabaseKind,
  conditions: readonly AnyCondition[],
): Promise<void> {
  const counters = registryOf(em)!.groups.flatMap(group => group.counters);
  const sql = counters.map(
    ({ condition }, index) => `(case when ${conditionSql(em, condition)} then 1 else 0 end) as met${index}`,
  );
  const rows = await em.execute<Record<string, unknown>[]>(`select *, ${sql.join(', ')} from shell`);
  const inMemory = await em.find(Shell, {});
  for (const [index, { condition }] of counters.entries()) {
    const where = conditions[index]!.where;
    for (const row of rows) {
      const entity = inMemory.find(({ id }) => id === row['id'])!;
      const byRow = meets(
        condition,
        Object.fromEntries(condition.tests.map(({ property, columns }) => [property, row[columns[0]!]])),
      );
      const byEntity = meets(condition, em.getComparator().prepareEntity(entity) as Record<string, unknown>);
      expect({ where, row, byRow, byEntity }).toEqual({ where, row, byRow: row[`met${index}`] === 1, byEntity: byRow });
    }
    // MikroORM compares texts by the collation, which is that of bytes on SQLite only.
    if (kind === 'sqlite')
      expect([where, await em.count(Shell, conditions[index]!.find)]).toEqual([
        where,
        rows.filter(row => row[`met${index}`] === 1).length,
      ]);
  }
  const chunks = await Array.fromAsync(verify(em, Shore));
  const drifts = chunks.flatMap(chunk => chunk.drifts);
  expect(drifts.map(drift => ({ ...drift, where: conditions[Number(drift.counter.slice('Shore.c'.length))] }))).toEqual(
    [],
  );
}

/** Returns a row without whole numbers beyond 2^53 − 1, which SQLite's driver does not read. */
function withSafeNumbers(row: Record<string, unknown>): Record<string, unknown> {
  const { big } = row;
  return typeof big === 'bigint' ? { ...row, big: BigInt.asIntN(53, big) } : row;
}
