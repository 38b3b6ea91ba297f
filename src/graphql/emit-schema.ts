import { lexicographicSortSchema, printSchema } from 'graphql';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { graphqlSchema } from './schema.js';

/** The file of the schema, for people and tools. */
export const SCHEMA_FILE = new URL('../../schema/schema.graphql', import.meta.url);

/** Returns the text of schema/schema.graphql, sorted so that its changes are easy to read. */
export function schemaText(): string {
  return `# Emitted by "npm run schema" from src/graphql; do not edit.\n\n${printSchema(lexicographicSortSchema(graphqlSchema()))}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(SCHEMA_FILE, schemaText());
