import { expect } from 'vitest';
import type { Schema } from './schema.js';

/**
 * Says, in the names of the tables, what one stored count must equal; written by hand, apart from the counter it
 * checks.
 */
export interface StoredCount {
  readonly target: string;
  readonly column: string;
  readonly counted: string;
  /** Maps each column of the target's key to the column of the counted table that points at it. */
  readonly by: Readonly<Record<string, string>>;
  /** Holds an SQL condition on the counted rows. */
  readonly where?: string;
}

/** Asserts by COUNT(*) that every target row stores exactly what its rows give. */
export async function expectExact(schema: Schema, ...counts: readonly StoredCount[]): Promise<void> {
  for (const { target, column, counted, by, where = '1 = 1' } of counts) {
    const joined = Object.entries(by).map(([key, foreign]) => `c.${foreign} = t.${key}`);
    const keys = Object.keys(by).map(key => `t.${key}`);
    const rows = await schema.rows<{ in_column: unknown; in_rows: unknown }>(
      `select ${keys.join(', ')}, t.${column} as in_column, (select count(*) from ${counted} c where ${joined.join(' and ')} and (${where})) as in_rows from ${target} t`,
    );
    // Numbers come as texts from some drivers; a count that is null is no count.
    const drifted = rows.filter(
      ({ in_column, in_rows }) => in_column === null || Number(in_column) !== Number(in_rows),
    );
    expect(drifted, `drift of ${target}.${column}`).toEqual([]);
  }
}
