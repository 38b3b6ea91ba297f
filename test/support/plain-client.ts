import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

/** A row, by column. */
export type PlainRow = Readonly<Record<string, unknown>>;

/** A client of a server without an ORM, and with the settings that the server gives to everybody. */
export interface PlainClient {
  readonly query: (sql: string, values?: unknown[]) => Promise<unknown>;
  readonly end: () => Promise<void>;
}

/** Connects to the database of a URL, on any server. */
export async function plainClient(url: string): Promise<PlainClient> {
  if (!url.startsWith('postgresql:')) return createConnection(url.replace(/^mariadb:/, 'mysql:'));
  const client = new Client({ connectionString: url });
  // The server ends the sessions of a database that is dropped.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Returns the rows that a query of a plain client reads. */
export async function plainRows(client: PlainClient, sql: string, values: unknown[] = []): Promise<PlainRow[]> {
  const result = await client.query(sql, values);
  return Array.isArray(result) ? (result[0] as PlainRow[]) : (result as { rows: PlainRow[] }).rows;
}
