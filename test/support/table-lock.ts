import { createConnection } from 'mysql2/promise';
import { dialectOf, type Database } from '../../src/database/database.js';
import { holdConnections } from './held-connections.js';

/** Keeps others from reading courses, as lockTable() does. */
export function lockCoursesTable(database: Database, url: string): Promise<() => Promise<void>> {
  return lockTable(database, url, 'core_course');
}

/**
 * Keeps others from reading a table until the returned function is called: on MySQL and MariaDB by locking it for
 * another client; on SQLite, whose readers wait for no other client, by taking all connections.
 */
export async function lockTable(database: Database, url: string, table: string): Promise<() => Promise<void>> {
  if (dialectOf(database).kind === 'sqlite') return holdConnections(database);
  const connection = await createConnection(url.replace(/^mariadb:/, 'mysql:'));
  await connection.query(`lock tables ${table} write`);
  return () => connection.end();
}
