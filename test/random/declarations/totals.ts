import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { registryOf } from 'mikro-orm-counters';
import { conditionSql } from '../../../src/counters/src/declarations/condition.js';
import { columnOf, referredColumn, summed, tablesOf, ways, type Aspect, type Sea } from './sea.js';

type Row = Record<string, unknown>;
type Totals = Map<string, number | bigint>;

const tables = ['ocean', 'coast', 'shore', 'keeper'] as const;

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
  /** Returns the row of a table to which a foreign key refers. */
  const rowOf = (table: string, key: unknown): Row | undefined =>
    key === null ? undefined : rows.get(table)!.find(row => Number(row[referredColumn(sea, table)]) === Number(key));
  const met = sea.draw.aspects.map(
    (aspect, index) => `(case when ${conditionOf(em, aspect, index)} then 1 else 0 end) as met${index}`,
  );
  const shells = await em.execute<Row[]>(
    `select id, shore_id, keeper_id, finder_type, finder_id, whole, worth, price, place_floor, ${met.join(', ')} from shell`,
  );
  for (const shell of shells)
    for (const [index, aspect] of sea.draw.aspects.entries()) {
      if (Number(shell[`met${index}`]) !== 1) continue;
      if (aspect.by === 'finder') {
        if (shell['finder_type'] === aspect.finder)
          add(`${aspect.finder} ${String(shell['finder_id'])} ${columnOf(index)}`, amountOf(shell, aspect));
        continue;
      }
      let below = shell;
      for (const table of tablesOf(aspect)) {
        const target = rowOf(table, below[`${table}_id`]);
        if (!target) break;
        add(`${table} ${String(target['id'])} ${columnOf(index)}`, amountOf(shell, aspect));
        below = target;
      }
    }
  for (const { wild, coast_id: coast } of rows.get('shore')!) {
    const its = rowOf('coast', coast);
    if (!its || (sea.draw.onlyWild && !Number(wild))) continue;
    add(`coast ${String(its['id'])} shores`, 1n);
    const ocean = rowOf('ocean', its['ocean_id']);
    if (ocean) add(`ocean ${String(ocean['id'])} shores`, 1n);
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
