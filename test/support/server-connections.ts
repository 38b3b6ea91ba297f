import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { inject } from 'vitest';
import type { Database } from '../../src/database/database.js';
import type { EngineDatabaseKind } from './databases.js';
import { empty, tablesOf } from './empty.js';
import type { PlainRow } from './plain-client.js';

/** The kind of a server that this run's tests share. */
export type SharedServer = Exclude<EngineDatabaseKind, 'sqlite'>;

/** This worker's connection to each server: to open one takes longer than most that a test's database needs of it. */
const connections = new Map<SharedServer, Promise<(sql: string) => Promise<PlainRow[][]>>>();

/**
 * Sends statements, with semicolons between them, to a server over this worker's own connection, past any ORM, and
 * returns the rows of each. Each call chooses its database itself. Errors: the server's.
 */
export async function onServer(kind: SharedServer, statements: string): Promise<PlainRow[][]> {
  const open = connections.get(kind) ?? (kind === 'postgresql' ? openPostgresql() : openMySql(kind));
  connections.set(kind, open);
  return (await open)(statements);
}

/** Deletes the rows of all tables of an ORM's entities, in a database of a server that this run's tests share. */
export async function emptyAtOnce(kind: EngineDatabaseKind, database: Database): Promise<void> {
  if (kind === 'sqlite' || kind === 'postgresql') return empty(database);
  const deletions = tablesOf(database).map(table => `delete from ${table}`);
  await onServer(
    kind,
    `use ${database.config.get('dbName')}; set foreign_key_checks = 0; begin; ${deletions.join('; ')}; commit`,
  );
}

async function openMySql(kind: Exclude<SharedServer, 'postgresql'>): Promise<(sql: string) => Promise<PlainRow[][]>> {
  const uri = inject('servers')[kind]!.replace(/^mariadb:/, 'mysql:');
  const connection = await createConnection({ uri, multipleStatements: true });
  if (kind === 'mysql') await connection.query('set information_schema_stats_expiry = 0');
  return async sql => {
    // Afterwards it is in no test's database, and in no transaction, whether or not a statement failed.
    const answer = connection.query(`do 0; ${sql}`);
    const left = connection.query('rollback; set foreign_key_checks = 1; use information_schema');
    try {
      const [results] = await answer;
      return (results as (PlainRow[] | object)[]).slice(1).map(result => (Array.isArray(result) ? result : []));
    } finally {
      await left;
    }
  };
}

async function openPostgresql(): Promise<(sql: string) => Promise<PlainRow[][]>> {
  const client = new Client({ connectionString: `${inject('servers').postgresql!}/postgres` });
  await client.connect();
  return sql => rowsOfEach(client, sql);
}

/** Sends statements, with semicolons between them, to PostgreSQL, and returns the rows of each. */
export async function rowsOfEach(client: Client, statements: string): Promise<PlainRow[][]> {
  const results = (await client.query(statements)) as unknown as { rows: PlainRow[] } | { rows: PlainRow[] }[];
  return (Array.isArray(results) ? results : [results]).map(({ rows }) => rows);
}
