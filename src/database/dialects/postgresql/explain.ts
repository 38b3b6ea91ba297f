import { missingAdvice, type NamedDatabase } from '../../texts/named-database.js';
import { postgreSqlFaultOf } from './errors.js';

/** Returns what an error of PostgreSQL means for a person, and what to do about it; null if its kind says enough. */
export function explainPostgreSql(error: object, named: NamedDatabase): string | null {
  const { code = '', message = '' } = error as { readonly code?: string; readonly message?: string };
  const fault = postgreSqlFaultOf(error);
  const [line] = message.split('\n', 1);
  if (code === '3D000') return `The server has no such database. ${missingAdvice(named)} (${named.url}).`;
  if (fault?.kind === 'disconnected')
    return `The database does not answer (${code === 'CLOSED' ? line : code}). Start it, or correct ${named.setting} (${named.url}).`;
  if (fault?.kind === 'lock_wait')
    return 'Another session has held a lock that this needs for too long. End its transaction ("select * from pg_stat_activity" lists sessions), or try again later.';
  if (fault?.kind === 'refused')
    return `The database refuses the user: ${line}. Correct ${named.setting} (${named.url}), or grant the privileges.`;
  return null;
}
