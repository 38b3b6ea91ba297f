import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { declaredCounts } from '../../src/database/declared-counts.js';
import { emittedFiles, SCHEMA_FOLDER } from '../../src/graphql/emit-schema.js';
import { newCounts } from '../../src/migrations/added-counts.js';

it.each([...emittedFiles()])('schema/%s is what the code generates, and "npm run schema" updates it', (name, text) => {
  expect(readFileSync(new URL(name, SCHEMA_FOLDER), 'utf8')).toBe(text);
});

it('every declared count has a migration, and "npm run schema" adds it', () => {
  expect(newCounts(declaredCounts, '2026-12-01')).toEqual([]);
});
