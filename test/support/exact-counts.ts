import { expect } from 'vitest';
import type { Schema } from './schema.js';

/**
 * The expected value of one stored count, in the names of the tables; it is written by hand, independently of the
 * counter.
 */
export interface StoredCount {
  readonly target: string;
  readonly column: string;
  readonly counted: string;
  /** The column of the counted table that refers to each column of the target's key. */
  readonly by: Readonly<Record<string, string>>;
  /** An SQL condition on the counted rows. */
  readonly where?: string;
}

/** Asserts by COUNT(*) that every target row stores exactly its actual count. */
export async function expectExact(schema: Schema, ...counts: readonly StoredCount[]): Promise<void> {
  for (const { target, column, counted, by, where = '1 = 1' } of counts) {
    const joined = Object.entries(by).map(([key, foreign]) => `c.${foreign} = t.${key}`);
    const keys = Object.keys(by).map(key => `t.${key}`);
    const rows = await schema.rows<{ in_column: unknown; in_rows: unknown }>(
      `select ${keys.join(', ')}, t.${column} as in_column, (select count(*) from ${counted} c where ${joined.join(' and ')} and (${where})) as in_rows from ${target} t`,
    );
    // Some drivers return numbers as texts; a count that is null is invalid.
    const drifted = rows.filter(
      ({ in_column, in_rows }) => in_column === null || Number(in_column) !== Number(in_rows),
    );
    expect(drifted, `drift of ${target}.${column}`).toEqual([]);
  }
}
