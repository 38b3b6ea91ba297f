import { arePrepared } from '../../prepared-values.js';

/** The most prepared statements that a connection keeps; the least recently used is closed first. */
export const MAX_PREPARED_STATEMENTS = 100;

type Send = (sql: string, values: unknown, answered: unknown) => unknown;

/** The members of one of mysql2's connections that its types declare too narrowly. */
interface Sender {
  query: Send;
  readonly execute: Send;
}

/** A pool of mysql2 that tells of its new connections. */
interface NewConnections {
  readonly on: (event: 'connection', tell: (connection: Sender) => void) => unknown;
}

/**
 * Has the new connections of a pool send statements as prepared ones if their values are marked so: the server parses
 * such a text once for each connection, and its rows come as bytes instead of digits. Kysely would send each as a text.
 */
export function sendPrepared(pool: unknown): void {
  (pool as NewConnections).on('connection', connection => {
    const query = connection.query.bind(connection);
    const execute = connection.execute.bind(connection);
    connection.query = (sql, values, answered) => (arePrepared(values) ? execute : query)(sql, values, answered);
  });
}
