import { dialectOf, type Database } from '../../src/database/database.js';
import { holdConnections } from './held-connections.js';
import { plainClient } from './plain-client.js';
import { isMySql } from './server.js';

/** Keeps others from reading courses, as lockTable() does. */
export function lockCoursesTable(database: Database, url: string): Promise<() => Promise<void>> {
  return lockTable(database, url, 'core_course');
}

/**
 * Keeps others from reading a table until the returned function is called: on a server by locking it for another
 * client; on SQLite, whose readers wait for no other client, by taking all connections.
 */
export async function lockTable(database: Database, url: string, table: string): Promise<() => Promise<void>> {
  const { kind } = dialectOf(database);
  if (kind === 'sqlite') return holdConnections(database);
  const connection = await plainClient(url);
  await connection.query(isMySql(kind) ? `lock tables ${table} write` : `begin; lock table ${table}`);
  return () => connection.end();
}
