import { lexicographicSortSchema, printSchema } from 'graphql';
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { buildGraphqlSchema } from './schema.js';

/** Is where the schema is kept for people and tools, from the project's folder. */
export const SCHEMA_FILE = new URL('../../schema/schema.graphql', import.meta.url);

/** Gives the text of schema/schema.graphql, sorted so that its changes are easy to read. */
export function schemaText(): string {
  return `# Emitted by "npm run schema" from src/graphql; do not edit.\n\n${printSchema(lexicographicSortSchema(buildGraphqlSchema()))}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) writeFileSync(SCHEMA_FILE, schemaText());
