import { beforeAll } from 'vitest';
import { createCollation, TEXT_COLLATION } from '../../src/migrations/postgresql/collation.js';
import type { Schema } from './schema.js';

/**
 * Makes columns of a block's tables compare texts regardless of case on PostgreSQL, as they do on MySQL and MariaDB by
 * themselves. A column is `table.column`.
 */
export function useCaselessKeys(schema: Schema, columns: Readonly<Record<`${string}.${string}`, string>>): void {
  beforeAll(async () => {
    if (schema.kind !== 'postgresql') return;
    await schema.write(createCollation);
    for (const [place, type] of Object.entries(columns)) {
      const [table, column] = place.split('.');
      await schema.write(`alter table ${table} alter column ${column} type ${type} collate "${TEXT_COLLATION}"`);
    }
  });
}
