import type { Dictionary, Platform } from '@mikro-orm/core';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import { keyOfBytes, storedKey } from '../../entities/index.js';
import { mapParts, type DatabaseMap } from '../../map/map-form.js';

/**
 * Makes the connection of a driver give keys that are bytes as the texts that such keys are, and its platform write these
 * as bytes; values of statements that the query builder has compiled are bytes already, see compiledValues().
 */
export function takeKeyBytes(platform: Platform, connection: AbstractSqlConnection, map: DatabaseMap): void {
  if (!mapParts.some(part => map[part].keys === 'uuid-binary')) return;
  const quoteValue = platform.quoteValue.bind(platform);
  platform.quoteValue = value => quoteValue(stored(value));
  const execute = connection.execute.bind(connection) as (...parameters: unknown[]) => Promise<unknown>;
  connection.execute = (async (...parameters: unknown[]) => withKeys(await execute(...parameters))) as never;
}

/** Returns a value, or a list of values or of lists of them, as the database takes it. */
function stored(value: unknown): unknown {
  return Array.isArray(value) ? value.map(stored) : storedKey(value);
}

/** Returns the result of a statement with the bytes in its rows as keys: no other column that is read has bytes. */
function withKeys(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  const { row, rows } = result as { readonly row?: unknown; readonly rows?: unknown };
  const found = Array.isArray(result) ? result : Array.isArray(rows) ? rows : [result];
  for (const one of [...(found as readonly unknown[]), row])
    if (typeof one === 'object' && one !== null) takeRow(one as Dictionary<unknown>);
  return result;
}

function takeRow(row: Dictionary<unknown>): void {
  for (const name in row) {
    const value = row[name];
    if (value instanceof Uint8Array) row[name] = keyOfBytes(value);
  }
}
