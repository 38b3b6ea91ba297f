import { lexicographicSortSchema, printSchema } from 'graphql';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { mapJsonSchema } from '../map/map-form.js';
import { graphqlSchema } from './schema.js';

/** The file of the schema, for people and tools. */
export const SCHEMA_FILE = new URL('../../schema/schema.graphql', import.meta.url);

/** The file of the JSON schema of maps, for people and editors. */
export const MAP_SCHEMA_FILE = new URL('../../schema/rollcall.map.schema.json', import.meta.url);

/** Returns the text of schema/rollcall.map.schema.json. */
export function mapSchemaText(): string {
  return `${JSON.stringify(mapJsonSchema(), null, 2)}\n`;
}

/** Returns the text of schema/schema.graphql, sorted so that its changes are easy to read. */
export function schemaText(): string {
  return `# Emitted by "npm run schema" from src/graphql; do not edit.\n\n${printSchema(lexicographicSortSchema(graphqlSchema()))}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(SCHEMA_FILE, schemaText());
  writeFileSync(MAP_SCHEMA_FILE, mapSchemaText());
}
