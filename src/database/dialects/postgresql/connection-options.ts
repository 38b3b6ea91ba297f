import type { Options } from '../dialect.js';

/** The longest time for opening a connection until the server accepts it, in milliseconds. */
const MAX_CONNECT_MS = 5000;

/**
 * The time without a byte from a server that has not answered, in milliseconds, after which the operating system probes
 * whether its machine still exists.
 */
const KEEP_ALIVE_MS = 10_000;

/** The longest time for which an unused connection stays open, in milliseconds. */
const MAX_IDLE_MS = 8000;

/** The most connections of a process to a server. */
const MAX_CONNECTIONS = 20;

/** The name under which the server lists the sessions of this program, unless the URL gives another one. */
const APPLICATION_NAME = 'rollcall';

/**
 * Returns the options of the connections to the database of a URL. Of its parameters it heeds those of TLS, which mean
 * what they mean to PostgreSQL's own programs, a `host` that is the folder of a socket, `application_name`, and
 * `options`. Without `sslmode` nothing is encrypted.
 */
export async function connectionOptions(url: string): Promise<Options> {
  const { parse } = (await import('pg-connection-string')).default;
  const {
    host,
    port,
    user,
    password,
    database,
    ssl,
    application_name: name,
    options,
  } = parse(url, {
    // Otherwise "require" would ask for a certificate that the system trusts.
    useLibpqCompat: true,
  });
  return {
    ...(host && { host }),
    ...(port && { port: Number(port) }),
    ...(user && { user }),
    ...(password && { password }),
    dbName: database ?? '',
    pool: { min: 0, max: MAX_CONNECTIONS, idleTimeoutMillis: MAX_IDLE_MS },
    driverOptions: {
      connectionTimeoutMillis: MAX_CONNECT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      application_name: name ?? APPLICATION_NAME,
      ...(ssl !== undefined && { ssl }),
      ...(options !== undefined && { options }),
    },
  };
}
