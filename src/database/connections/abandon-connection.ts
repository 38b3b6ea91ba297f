import type { DatabaseConnection } from 'kysely';

/** Closes a connection and removes it from its pool; a statement in progress on it is abandoned by this process. */
export async function abandon(connection: DatabaseConnection): Promise<void> {
  // MikroORM's second step, which tells the server over another connection, is only needed for a statement in progress.
  await connection.killSession!(() => Promise.resolve());
}
