import { setTimeout as delay } from 'node:timers/promises';
import { createConnection, type Connection } from 'mysql2/promise';
import type { FaultContext } from './fault.ts';

/** The time between two attempts to take connections, in milliseconds. */
const RETRY_MS = 100;

/** Takes every connection of the database but that of an administrator; returns a function that ends that. */
export async function takeAllConnections({ database }: FaultContext): Promise<() => Promise<void>> {
  const root = await database.session();
  const [before] = await root.query<{ Value: string }>("show variables like 'max_connections'");
  await root.query('set global max_connections = 10');
  const taken: Connection[] = [];
  const connect = async (): Promise<boolean> => {
    const connection = await createConnection({
      host: '127.0.0.1',
      port: database.server!.port,
      user: 'crowd',
      password: 'secret',
    }).catch((error: unknown) => {
      if ((error as { errno?: number }).errno === 1040) return null;
      throw error;
    });
    if (connection) taken.push(connection);
    return connection !== null;
  };
  /** Ends the connections of the server, and takes all that are free; returns the number that the server had. */
  const takeFree = async (): Promise<number> => {
    const ids = await root.query<{ id: number }>("select id from information_schema.processlist where user = 'teller'");
    for (const { id } of ids) await root.query(`kill ${id}`).catch(() => undefined);
    while (await connect());
    return ids.length;
  };
  while ((await takeFree()) > 0);
  // An ended session may return its place only later.
  let goesOn = true;
  const taking = (async () => {
    while (goesOn) {
      await delay(RETRY_MS);
      await takeFree();
    }
  })();
  return async () => {
    goesOn = false;
    await taking;
    for (const connection of taken) await connection.end();
    await root.query(`set global max_connections = ${before!.Value}`);
    await root.end();
  };
}
