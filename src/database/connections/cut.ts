import type { DatabaseConnection } from 'kysely';

/**
 * Closes a connection and takes it out of its pool; a statement under way on it never ends in this process.
 */
export async function cut(connection: DatabaseConnection): Promise<void> {
  // Its second step, to tell the server by another connection, is done only where a statement is under way.
  await connection.killSession!(() => Promise.resolve());
}
