import type { DatabaseSync } from 'node:sqlite';
import type { SqliteDatabase } from 'kysely';
import { UnsafeNumberError } from 'mikro-orm-counters';
import { LRUCache } from 'lru-cache';
import { FOLD, foldedText } from './folded-text.js';

/** The most prepared statements that a connection keeps; the least recently used is dropped first. */
const MAX_PREPARED_STATEMENTS = 200;

/**
 * Returns a connection in the form that Kysely expects, with Rollcall's SQL functions, that refuses to round numbers.
 */
export function withExactNumbers(database: DatabaseSync): SqliteDatabase {
  // This function must not be used in the schema, which other programs must be able to read and write without it.
  database.function(FOLD, { deterministic: true, directOnly: true }, text =>
    typeof text === 'string' ? foldedText(text) : text,
  );
  const known = new LRUCache<string, ReturnType<SqliteDatabase['prepare']>>({ max: MAX_PREPARED_STATEMENTS });
  return {
    prepare(sql) {
      const found = known.get(sql);
      const statement = found ?? prepared(database, sql);
      if (!found) known.set(sql, statement);
      return statement;
    },
    close: () => database.close(),
  };
}

function prepared(database: DatabaseSync, sql: string): ReturnType<SqliteDatabase['prepare']> {
  const statement = database.prepare(sql);
  return {
    reader: statement.columns().length > 0,
    all: parameters => exact(() => statement.all(...(parameters as never[]))),
    run: parameters => statement.run(...(parameters as never[])),
    // With a statement of its own: rows that are read one by one must not end where the same text is run again.
    iterate: parameters => exactEach(database.prepare(sql).iterate(...(parameters as never[]))),
  };
}

function* exactEach(rows: Iterator<unknown>): IterableIterator<unknown> {
  for (let next = exact(() => rows.next()); next.done !== true; next = exact(() => rows.next())) yield next.value;
}

/**
 * Reads rows. Errors: UnsafeNumberError if a number in them exceeds 2^53 − 1, because node:sqlite refuses to round it.
 */
function exact<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_OUT_OF_RANGE') throw error;
    throw new UnsafeNumberError(/-?\d+$/.exec(message)?.[0] ?? 'a number', 'a row that was read', { cause: error });
  }
}
