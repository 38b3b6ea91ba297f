import type { findSchema } from '../schema/own-schema.js';
import { dialectOf, type Database } from '../dialects/dialect.js';
import { keyOf, type Addition, type PlannedNames } from './journal.js';

/**
 * Returns what the migrations change that alter columns of tables of our own, as far as they were not applied. The
 * tables are dropped when the adoption is taken back, so that nothing takes the change alone away.
 */
export async function ownAlterations(
  database: Database,
  { applied }: Pick<Awaited<ReturnType<typeof findSchema>>, 'applied'>,
  planned: PlannedNames,
): Promise<Addition[]> {
  const additions: Addition[] = [];
  for (const { name, alters = [], class: Migration } of dialectOf(database).schema.migrations) {
    const isDone = applied?.includes(name) || alters.some(table => planned.has(keyOf('alterations', name, table)));
    if (alters.length === 0 || isDone) continue;
    const migration = new Migration(database.em.getDriver(), database.config);
    await migration.up();
    additions.push({
      kind: 'alterations',
      object: name,
      names: alters,
      statements: migration.getQueries().map(String),
      reverse: [],
    });
  }
  return additions;
}
