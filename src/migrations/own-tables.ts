import type { SqlEntityManager } from '@mikro-orm/sql';
import { triggerStatus } from 'mikro-orm-counters';
import type { Catalog, CatalogTable } from './catalog.js';
import type { MadeTable } from './made-tables.js';

/**
 * Returns, in words, what would be lost or broken, apart from a migration's own work, if its tables were dropped:
 * tables with other columns, indexes and triggers that others made, and foreign keys by which other tables refer to
 * them.
 */
export async function foreignObjectsIn(
  catalog: Catalog,
  em: SqlEntityManager,
  made: readonly MadeTable[],
): Promise<string[]> {
  const found = await findTables(catalog, em, made);
  const there = made.filter(({ name }) => found.has(name));
  if (there.length === 0) return [];
  const names = there.map(({ name }) => name);
  const ownIndexes = new Set(there.flatMap(({ indexes }) => indexes));
  return [
    ...there.flatMap(table => {
      const difference = differenceOf(table, found.get(table.name)!);
      return difference === null ? [] : [`${table.name} (${difference})`];
    }),
    ...(await catalog.indexesOf(em, names))
      .filter(({ name }) => !ownIndexes.has(name))
      .map(({ table, name }) => `the index ${name} on ${table}`),
    ...(await foreignTriggers(catalog, em, there)).map(trigger => `the trigger ${trigger}`),
    ...(await catalog.foreignReferences(em, names)).map(
      ({ place, target, name }) =>
        `the foreign key ${name === null ? '' : `${name} `}of ${place}, which refers to ${target}`,
    ),
  ];
}

/**
 * Returns the statements after which tables can be dropped, with their rows: those that stand in the way refer to others of
 * their table no more.
 */
export async function withoutReferencesWithin(
  catalog: Catalog,
  em: SqlEntityManager,
  tables: readonly string[],
): Promise<string[]> {
  return (await catalog.referencesWithin(em, tables)).map(
    ({ table, name }) => `update ${table} set ${name} = null where ${name} is not null`,
  );
}

/**
 * Returns the tables with a migration's names that an interrupted run of it cannot have left, each with the reason:
 * other columns, or rows.
 */
export async function occupiedTablesIn(
  catalog: Catalog,
  em: SqlEntityManager,
  made: readonly MadeTable[],
): Promise<string[]> {
  const found = await findTables(catalog, em, made);
  const taken: string[] = [];
  for (const table of made.filter(({ name }) => found.has(name))) {
    const difference = differenceOf(table, found.get(table.name)!);
    if (difference !== null) taken.push(`${table.name} (${difference})`);
    else if ((await em.execute<unknown[]>(`select 1 from ${table.name} limit 1`)).length > 0)
      taken.push(`${table.name} (has rows)`);
  }
  return taken;
}

/** Returns the tables that lack columns which their migration makes, each with the missing ones. */
export async function incompleteTablesIn(
  catalog: Catalog,
  em: SqlEntityManager,
  made: readonly MadeTable[],
): Promise<string[]> {
  const found = await findTables(catalog, em, made);
  return made.flatMap(({ name, columns }) => {
    const missing = found.has(name) ? columns.filter(column => !found.get(name)!.columns.includes(column)) : [];
    return missing.length > 0 ? [`${name} (${missing.join(', ')})`] : [];
  });
}

/** Returns the triggers on tables that do not maintain our counters, each with its table. */
export async function foreignTriggers(
  catalog: Catalog,
  em: SqlEntityManager,
  made: readonly MadeTable[],
): Promise<string[]> {
  const own = new Set(await ownTriggers(em));
  const triggers = await catalog.triggersOn(
    em,
    made.map(({ name }) => name),
  );
  return triggers.filter(({ name }) => !own.has(name)).map(({ table, name }) => `${name} on ${table}`);
}

/** Returns how a table differs from the one that a migration makes; null if it has the same columns. */
function differenceOf(made: MadeTable, { isView, columns }: CatalogTable): string | null {
  if (isView) return 'is a view';
  const missing = made.columns.filter(name => !columns.includes(name));
  const added = columns.filter(name => !made.columns.includes(name));
  const differences = [
    ...(added.length > 0 ? [`has the ${columnsIn(added)}`] : []),
    ...(missing.length > 0 ? [`lacks the ${columnsIn(missing)}`] : []),
  ];
  return differences.length > 0 ? differences.join(' and ') : null;
}

function columnsIn(names: readonly string[]): string {
  return `${names.length === 1 ? 'column' : 'columns'} ${names.join(', ')}`;
}

async function findTables(
  catalog: Catalog,
  em: SqlEntityManager,
  made: readonly MadeTable[],
): Promise<Map<string, CatalogTable>> {
  if (made.length === 0) return new Map();
  return catalog.findTables(
    em,
    made.map(({ name }) => name),
  );
}

/** Returns the names of the triggers that maintain our counters; none if no counters are declared. */
async function ownTriggers(em: SqlEntityManager): Promise<string[]> {
  const { present, different, superfluous } = await triggerStatus(em);
  return [...present, ...different, ...superfluous];
}
