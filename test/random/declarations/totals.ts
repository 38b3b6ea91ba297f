import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { registryOf } from 'mikro-orm-counters';
import { conditionSql } from '../../../src/counters/src/declarations/condition.js';
import { columnOf, depthOf, summed, ways, type Aspect, type Sea } from './sea.js';

type Row = Record<string, unknown>;
type Totals = Map<string, number | bigint>;

const tables = ['ocean', 'coast', 'shore', 'keeper'] as const;
/** The tables at the ends of the ways. */
const targets = { keeper: ['keeper'], shore: ['shore', 'coast', 'ocean'] } as const;

/**
 * Returns the stored counts that are not what the rows give, and the loaded targets that do not show what is stored, as
 * texts. The rows are read as they are and added up here, with bigints; only the conditions are the database's.
 */
export async function mistakesIn(em: SqlEntityManager, sea: Sea): Promise<string[]> {
  const rows = new Map(await Promise.all(tables.map(async name => [name, await all(em, name)] as const)));
  const actual = await totals(em, sea, rows);
  const stored: Totals = new Map();
  for (const name of tables)
    for (const row of rows.get(name)!)
      for (const [column, scale] of columnsOf(sea))
        if (column in row) stored.set(`${name} ${String(row['id'])} ${column}`, units(row[column], scale));
  return [
    ...[...stored].flatMap(([place, count]) => {
      const wanted = actual.get(place) ?? 0n;
      return count === wanted ? [] : [`${place} stores ${count}, and the rows give ${wanted}`];
    }),
    ...mistakesInMemory(em, sea, stored),
  ];
}

async function totals(em: SqlEntityManager, sea: Sea, rows: ReadonlyMap<string, readonly Row[]>): Promise<Totals> {
  const actual: Totals = new Map();
  const add = (place: string, amount: bigint): void => void actual.set(place, BigInt(actual.get(place) ?? 0n) + amount);
  const parents = new Map(
    [
      ['shore', 'coast_id'],
      ['coast', 'ocean_id'],
    ].map(([table, column]) => [table!, new Map(rows.get(table!)!.map(row => [Number(row['id']), row[column!]]))]),
  );
  const met = sea.draw.aspects.map(
    (aspect, index) => `(case when ${conditionOf(em, aspect, index)} then 1 else 0 end) as met${index}`,
  );
  const shells = await em.execute<Row[]>(
    `select id, shore_id, keeper_id, whole, worth, price, place_floor, ${met.join(', ')} from shell`,
  );
  for (const shell of shells)
    for (const [index, aspect] of sea.draw.aspects.entries()) {
      if (Number(shell[`met${index}`]) !== 1) continue;
      let id = shell[`${aspect.by}_id`];
      for (const table of targets[aspect.by].slice(0, depthOf(aspect))) {
        if (id === null || id === undefined) break;
        add(`${table} ${String(id)} ${columnOf(index)}`, amountOf(shell, aspect));
        id = parents.get(table)?.get(Number(id));
      }
    }
  for (const { wild, coast_id: coast } of rows.get('shore')!) {
    if (coast === null || (sea.draw.onlyWild && !Number(wild))) continue;
    add(`coast ${String(coast)} shores`, 1n);
    const ocean = parents.get('coast')!.get(Number(coast));
    if (ocean !== null) add(`ocean ${String(ocean)} shores`, 1n);
  }
  return actual;
}

function amountOf(shell: Row, { sum }: Aspect): bigint {
  if (sum === null) return 1n;
  return shell[sum] === null ? 0n : BigInt(units(shell[sum], summed[sum]));
}

/** Returns a number in units of its last decimal; where it has more of them, it is no whole number. */
function units(value: unknown, scale: number): number | bigint {
  if (scale === 0) return BigInt(String(value));
  const number = Number((Number(value) * 10 ** scale).toFixed(4));
  return Number.isInteger(number) ? BigInt(number) : number;
}

function conditionOf(em: SqlEntityManager, { by }: Aspect, index: number): string {
  const counter = registryOf(em)!
    .groups.filter(group => group.by === ways[by][0])
    .flatMap(({ counters }) => counters)
    .find(({ property }) => property === columnOf(index))!;
  return conditionSql(em, counter.condition);
}

function mistakesInMemory(em: SqlEntityManager, sea: Sea, stored: Totals): string[] {
  return [...em.getUnitOfWork(false).getIdentityMap()].flatMap(entity => {
    const { __meta: meta } = helper(entity);
    if (!helper(entity).isInitialized()) return [];
    return columnsOf(sea).flatMap(([column, scale]) => {
      const count = stored.get(`${meta.tableName} ${String((entity as Row)['id'])} ${column}`);
      const shown = (entity as Row)[column];
      if (count === undefined || shown === undefined || units(shown, scale) === count) return [];
      return [`the loaded ${meta.tableName} ${String((entity as Row)['id'])} shows ${String(shown)} as ${column}`];
    });
  });
}

function columnsOf({ draw }: Sea): (readonly [column: string, scale: number])[] {
  return [
    ...draw.aspects.map(({ sum }, index) => [columnOf(index), sum === null ? 0 : summed[sum]] as const),
    ['shores', 0],
  ];
}

function all(em: SqlEntityManager, table: string): Promise<Row[]> {
  return em.execute<Row[]>(`select * from ${table} order by id`);
}
