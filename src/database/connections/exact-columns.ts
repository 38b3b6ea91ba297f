import type { Dictionary, EntityProperty, MetadataStorage } from '@mikro-orm/core';
import { exactNumber } from 'mikro-orm-counters';
import { WholeNumber } from '../../entities/whole-number.js';

/** The columns that contain keys and counts, in any table. A driver returns other numbers than exact ones as texts. */
export class ExactColumns {
  #names: ReadonlySet<string> | undefined;

  constructor(private readonly metadata: () => MetadataStorage) {}

  /** Throws UnsafeNumberError if a key or a count in rows exceeds 2^53 − 1. */
  require(rows: readonly Dictionary[]): void {
    const columns = Object.keys(rows[0] ?? {}).filter(name => this.#all.has(name));
    for (const row of rows)
      for (const column of columns) if (isWritten(row[column])) exactNumber(row[column], `the column ${column}`);
  }

  get #all(): ReadonlySet<string> {
    return (this.#names ??= new Set(
      [...this.metadata().getAll().values()].flatMap(({ props }) =>
        props.filter(isWholeNumber).flatMap(({ fieldNames }) => fieldNames),
      ),
    ));
  }
}

/**
 * Returns true for a whole number as a text. Another application has texts in columns of these names, and UUIDs of 32
 * digits; a number of 64 bits has 20 at most.
 */
function isWritten(value: unknown): value is string {
  return typeof value === 'string' && /^-?\d{1,31}$/.test(value);
}

/** Returns true for a key, a count, and a reference to a key. */
function isWholeNumber({ customType, targetMeta }: EntityProperty): boolean {
  return customType instanceof WholeNumber || (targetMeta?.getPrimaryProps().some(isWholeNumber) ?? false);
}
