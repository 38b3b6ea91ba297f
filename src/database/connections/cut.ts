import type { DatabaseConnection } from 'kysely';

/**
 * Closes a connection, which its pool then has no more; a statement that is under way on it never comes to an end here.
 */
export async function cut(connection: DatabaseConnection): Promise<void> {
  // Its second step, to tell the server by another connection, is done only where a statement is under way.
  await connection.killSession!(() => Promise.resolve());
}
