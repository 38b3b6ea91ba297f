import { helper } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { registryOf } from 'mikro-orm-counters';
import { conditionSql } from '../../../src/counters/src/declarations/condition.js';
import type { EngineDatabaseKind } from '../../support/databases.js';
import { columnOf, referredColumn, summed, tablesOf, ways, type Aspect, type Sea, type SeaRow } from './sea.js';

/** A row of a table as the database has it: all values as texts. */
type Row = Readonly<Record<string, string | null>>;
type Totals = Map<string, number | bigint>;

/** What the tables contain, in the order of the keys. */
export type Contents = ReadonlyMap<string, readonly Row[]>;

const targets = ['ocean', 'coast', 'shore', 'keeper'] as const;

/** The statements that read all tables of a sea, by the sea. */
const statements = new WeakMap<Sea, string>();

/**
 * Reads all tables in one statement. Of a shell, each aspect that counts it has the amount that it adds; the conditions
 * are the database's.
 */
export async function readContents(em: SqlEntityManager, kind: EngineDatabaseKind, sea: Sea): Promise<Contents> {
  if (!statements.has(sea)) statements.set(sea, statementOf(em, kind, sea));
  const rows = await em.execute<Row[]>(statements.get(sea)!);
  const contents = new Map<string, Row[]>([...targets, 'shell'].map(name => [name, []]));
  for (const row of rows) contents.get(row['type']!)!.push(row);
  for (const some of contents.values()) some.sort((a, b) => Number(a['id']) - Number(b['id']));
  return contents;
}

function statementOf(em: SqlEntityManager, kind: EngineDatabaseKind, sea: Sea): string {
  const type = kind === 'mysql' || kind === 'mariadb' ? 'char' : 'text';
  const keys = ['id', 'number', 'ocean_id', 'coast_id', 'shore_id', 'keeper_id', 'finder_type', 'finder_id'];
  const columns = [...keys, 'wild', 'shores', ...sea.draw.aspects.map((_, index) => columnOf(index))];
  const select = (table: string, known: ReadonlyMap<string, string>): string =>
    `select '${table}' as type, ${columns.map(name => `cast(${known.get(name) ?? 'null'} as ${type}) as ${name}`).join(', ')} from ${table}`;
  return [
    ...targets.map(table => select(table, columnsOfTarget(sea, table))),
    select('shell', columnsOfShell(em, sea)),
  ].join(' union all ');
}

/** Returns the columns of a table of targets, with their SQL. */
function columnsOfTarget({ draw }: Sea, table: (typeof targets)[number]): Map<string, string> {
  const own = {
    ocean: ['number'],
    coast: ['number', 'ocean_id'],
    shore: ['number', 'coast_id'],
    keeper: [],
  }[table];
  const stored = draw.aspects.flatMap((aspect, index) => (tablesOf(aspect).includes(table) ? [columnOf(index)] : []));
  const isLevel = { ocean: 2, coast: 1, shore: Infinity, keeper: Infinity }[table] <= draw.shoreLevels;
  return new Map([
    ...['id', ...own, ...stored, ...(isLevel ? ['shores'] : [])].map(name => [name, name] as const),
    ...(table === 'shore' ? [['wild', 'case when wild then 1 end'] as const] : []),
  ]);
}

/** Returns the columns of shells, and what each adds to each aspect, with their SQL. */
function columnsOfShell(em: SqlEntityManager, { draw }: Sea): Map<string, string> {
  return new Map([
    ...['id', 'shore_id', 'keeper_id', 'finder_type', 'finder_id'].map(name => [name, name] as const),
    ...draw.aspects.map(
      (aspect, index) =>
        [columnOf(index), `case when ${conditionOf(em, aspect, index)} then ${aspect.sum ?? 1} end`] as const,
    ),
  ]);
}

/**
 * Returns the stored counts that are not what the rows give, and the loaded targets that do not show what is stored, as
 * texts. The rows are added up here, with bigints.
 */
export function mistakesIn(em: SqlEntityManager, sea: Sea, contents: Contents): string[] {
  const actual = totals(sea, contents);
  const stored: Totals = new Map();
  for (const name of targets)
    for (const row of contents.get(name)!)
      for (const [column, scale] of columnsOf(sea)) {
        const value = row[column] ?? null;
        if (value !== null) stored.set(`${name} ${row['id']} ${column}`, units(value, scale));
      }
  return [
    ...[...stored].flatMap(([place, count]) => {
      const wanted = actual.get(place) ?? 0n;
      return count === wanted ? [] : [`${place} stores ${count}, and the rows give ${wanted}`];
    }),
    ...mistakesInMemory(em, sea, stored),
  ];
}

function totals(sea: Sea, contents: Contents): Totals {
  const actual: Totals = new Map();
  const add = (place: string, amount: bigint): void => void actual.set(place, BigInt(actual.get(place) ?? 0n) + amount);
  const byKey = new Map(
    targets.map(table => [
      table as string,
      new Map(contents.get(table)!.map(row => [row[referredColumn(sea, table)]!, row])),
    ]),
  );
  /** Returns the row of a table to which a foreign key refers. */
  const rowOf = (table: string, key: string | null): Row | undefined =>
    key === null ? undefined : byKey.get(table)!.get(key);
  for (const shell of contents.get('shell')!)
    for (const [index, aspect] of sea.draw.aspects.entries()) {
      const column = columnOf(index);
      if (shell[column] === null) continue;
      const amount = BigInt(units(shell[column]!, aspect.sum === null ? 0 : summed[aspect.sum]));
      if (aspect.by === 'finder') {
        if (shell['finder_type'] === aspect.finder) add(`${aspect.finder} ${shell['finder_id']} ${column}`, amount);
        continue;
      }
      let below = shell;
      for (const table of tablesOf(aspect)) {
        const target = rowOf(table, below[`${table}_id`]!);
        if (!target) break;
        add(`${table} ${target['id']} ${column}`, amount);
        below = target;
      }
    }
  for (const { wild, coast_id: coast } of contents.get('shore')!) {
    const its = rowOf('coast', coast!);
    if (!its || (sea.draw.onlyWild && wild === null)) continue;
    add(`coast ${its['id']} shores`, 1n);
    const ocean = rowOf('ocean', its['ocean_id']!);
    if (ocean) add(`ocean ${ocean['id']} shores`, 1n);
  }
  return actual;
}

/** Returns a number in units of its last decimal; where it has more of them, it is no whole number. */
function units(value: unknown, scale: number): number | bigint {
  if (scale === 0) return BigInt(String(value));
  // By its text, because a product with 100 has other decimals: 4700000012.69 * 100 is 470000001268.9999.
  const [whole, decimals] = Number(value)
    .toFixed(scale + 2)
    .split('.') as [string, string];
  const units = whole + decimals.slice(0, scale);
  const rest = decimals.slice(scale);
  return Number(rest) === 0 ? BigInt(units) : Number(`${units}.${rest}`);
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
      const count = stored.get(`${meta.tableName} ${String((entity as SeaRow).id)} ${column}`);
      const shown = (entity as SeaRow)[column];
      if (count === undefined || shown === undefined || units(shown, scale) === count) return [];
      return [`the loaded ${meta.tableName} ${String((entity as SeaRow).id)} shows ${String(shown)} as ${column}`];
    });
  });
}

function columnsOf({ draw }: Sea): (readonly [column: string, scale: number])[] {
  return [
    ...draw.aspects.map(({ sum }, index) => [columnOf(index), sum === null ? 0 : summed[sum]] as const),
    ['shores', 0],
  ];
}
