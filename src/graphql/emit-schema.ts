import { lexicographicSortSchema, printSchema } from 'graphql';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { declaredCounts } from '../database/declared-counts.js';
import { mapJsonSchema } from '../map/map-form.js';
import { addedCounts, newCounts, type AddedCount } from '../migrations/added-counts.js';
import { emittedScripts } from '../tools/emitted-scripts.js';
import { graphqlSchema } from './schema.js';

/** The folder of what follows from the entities and the API, for people and tools. */
export const SCHEMA_FOLDER = new URL('../../schema/', import.meta.url);

/** The file of the counts that have a migration of their own. */
const ADDED_COUNTS_FILE = new URL('../../src/migrations/added-counts.json', import.meta.url);

/** Returns the text of each emitted file, by its name in the folder `schema`. */
export function emittedFiles(): Map<string, string> {
  return new Map([
    ['schema.graphql', schemaText()],
    ['rollcall.map.schema.json', `${JSON.stringify(mapJsonSchema(), null, 2)}\n`],
    ...emittedScripts(new URL('templates/', SCHEMA_FOLDER)),
  ]);
}

/** Returns the text of schema/schema.graphql, sorted so that its changes are easy to read. */
export function schemaText(): string {
  return `# Emitted by "npm run schema" from src/graphql; do not edit.\n\n${printSchema(lexicographicSortSchema(graphqlSchema()))}\n`;
}

/** Returns the text of a file of added counts, in the format of the project's JSON. */
function entriesText(counts: readonly AddedCount[]): string {
  const entries = counts.map(({ migration, column, statuses }) =>
    [
      `    "migration": ${JSON.stringify(migration)},`,
      `    "column": ${JSON.stringify(column)},`,
      `    "statuses": ${JSON.stringify(statuses).replaceAll(',', ', ')}`,
    ].join('\n'),
  );
  return `[\n${entries.map(entry => `  {\n${entry}\n  }`).join(',\n')}\n]\n`;
}

/** Adds a migration for each declared count that has none; returns their names. */
function addMigrations(): string[] {
  const added = newCounts(declaredCounts, new Date().toISOString().slice(0, 10));
  if (added.length > 0) writeFileSync(ADDED_COUNTS_FILE, entriesText([...addedCounts, ...added]));
  return added.map(({ migration }) => migration);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const [name, text] of emittedFiles()) writeFileSync(new URL(name, SCHEMA_FOLDER), text);
  for (const name of addMigrations()) console.log(`Added the migration ${name} to src/migrations/added-counts.json.`);
}
