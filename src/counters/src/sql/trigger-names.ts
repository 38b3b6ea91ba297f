import { createHash } from 'node:crypto';
import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf } from './dialects/dialects.js';
import { queryRows } from './fragments.js';

/** The most characters in the name of a trigger: as many as MySQL allows, or fewer where the database allows fewer. */
const MAX_NAME_LENGTH = 64;

/**
 * Returns the name of a trigger, without a schema. It has a hash in it where it would be too long, or where MikroORM would
 * take a dot in the name of a table or a column for the end of a schema's name.
 */
export function triggerName(em: SqlEntityManager, parts: readonly string[]): string {
  const name = parts.join('_');
  const most = mostCharacters(em);
  const hash = (): string => createHash('sha256').update(name).digest('hex').slice(0, 8);
  // A shorter name is the limit of a database that counts bytes.
  if (name.includes('.') || (most < MAX_NAME_LENGTH && Buffer.byteLength(name) > most && /[^\0-\x7f]/.test(name)))
    return `${plain(name).slice(0, most - 9)}_${hash()}`;
  return name.length <= most ? name : `${name.slice(0, most - 9)}_${hash()}`;
}

/** Returns how the names of triggers begin that have some parts first: with a hash behind them, only a part of it is left. */
export function nameBeginnings(em: SqlEntityManager, beginning: string): string[] {
  return [beginning, plain(beginning)].map(one => one.slice(0, mostCharacters(em) - 9));
}

function mostCharacters(em: SqlEntityManager): number {
  return Math.min(MAX_NAME_LENGTH, em.getPlatform().getMaxIdentifierLength());
}

function plain(name: string): string {
  return name.replaceAll(/\W/g, '_');
}

/** Returns those of some names that triggers of a schema's tables have, or those that count in this session too. */
export async function namesInUse(
  em: SqlEntityManager,
  transaction: Transaction,
  schema: string,
  tables: readonly string[],
  names: readonly string[],
  countingHere: boolean,
): Promise<ReadonlySet<string>> {
  const { namesSql, countInSession } = dialectOf(em).triggers;
  const all = namesSql(em, schema, tables, names.map(() => '?').join(', '));
  const sql = countingHere && countInSession !== null ? `${all} and ${countInSession}` : all;
  const rows = await queryRows(em, transaction, { sql, parameters: names });
  return new Set(rows.map(row => String(row['name'])));
}
