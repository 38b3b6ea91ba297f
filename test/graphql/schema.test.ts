import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { MAP_SCHEMA_FILE, mapSchemaText, SCHEMA_FILE, schemaText } from '../../src/graphql/emit-schema.js';

it('schema/schema.graphql is what the code generates, and "npm run schema" updates it', () => {
  expect(readFileSync(SCHEMA_FILE, 'utf8')).toBe(schemaText());
});

it('schema/rollcall.map.schema.json is what the code generates, and "npm run schema" updates it', () => {
  expect(readFileSync(MAP_SCHEMA_FILE, 'utf8')).toBe(mapSchemaText());
});
