import { missingAdvice, type NamedDatabase } from '../../texts/named-database.js';

/** The properties of errors of the server and of its driver. */
interface ServerError {
  readonly code?: string;
  readonly message?: string;
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNRESET',
  'PROTOCOL_CONNECTION_LOST',
]);

/** Returns what an error of a server means for a person, and what to do about it; null if its kind says enough. */
export function explainServer(error: object, named: NamedDatabase): string | null {
  const { code = '', message } = error as ServerError;
  if (code === 'ER_BAD_DB_ERROR') return `The server has no such database. ${missingAdvice(named)} (${named.url}).`;
  if (unreachable.has(code))
    return `The database does not answer (${code}). Start it, or correct ${named.setting} (${named.url}).`;
  if (code === 'ER_LOCK_WAIT_TIMEOUT')
    return 'Another session has held a lock that this needs for too long. End its transaction ("show full processlist" lists sessions), or try again later.';
  if (code === 'ER_ACCESS_DENIED_ERROR' || code === 'ER_DBACCESS_DENIED_ERROR')
    return `The database refuses the user: ${message?.split('\n')[0]}. Correct ${named.setting} (${named.url}), or grant the privileges.`;
  return null;
}
