import { LOCK_WAIT_SECONDS } from '../../time-limits/lock-wait.js';
import type { Database } from '../dialect.js';
import { failed, ok, warning, type Finding } from '../finding.js';

/** The settings of a server as this program's connections have them, by name. */
export type Settings = Readonly<Record<(typeof names)[number] | 'in_recovery', string>>;

const names = [
  'transaction_isolation',
  'default_transaction_read_only',
  'server_encoding',
  'lock_timeout',
  'max_connections',
  'session_replication_role',
  'synchronous_commit',
  'fsync',
  'full_page_writes',
] as const;

/** Examines the settings of PostgreSQL. */
export async function examineServerSettings(database: Database): Promise<Finding[]> {
  const pool = (database.config.get('pool') as { max?: number } | undefined)?.max ?? 0;
  const shown = names.map(name => `current_setting('${name}') as ${name}`);
  const [row] = await database.em
    .getConnection()
    .execute<Settings[]>(`select pg_is_in_recovery()::text as in_recovery, ${shown.join(', ')}`);
  return findingsOf(row!, pool);
}

/** Returns the findings for settings; `pool` is the number of connections that each process may open. */
export function findingsOf(settings: Settings, pool: number): Finding[] {
  const amiss = rules.flatMap(rule => rule(settings, pool) ?? []);
  const { transaction_isolation: isolation, lock_timeout: wait, max_connections: most } = settings;
  return amiss.some(({ status }) => status === 'failed')
    ? amiss
    : [...amiss, ok(`Isolation ${isolation}; lock waits end after ${wait}; at most ${most} connections.`)];
}

type Rule = (settings: Settings, pool: number) => Finding | null;

const rules: readonly Rule[] = [
  ({ in_recovery: replica, default_transaction_read_only: readOnly }) =>
    replica === 'true' || readOnly === 'on'
      ? failed(
          replica === 'true' ? 'The server is a replica, and accepts no changes.' : 'The database is read-only.',
          'Name the primary in DATABASE_URL, not a replica; or alter database … set default_transaction_read_only = off.',
        )
      : null,
  ({ server_encoding: encoding }) =>
    encoding === 'UTF8'
      ? null
      : failed(
          `The encoding of the database is ${encoding}, so some texts cannot be saved.`,
          "Make another one: create database … encoding 'UTF8' template template0.",
        ),
  ({ session_replication_role: role }) =>
    role === 'replica'
      ? failed(
          'session_replication_role is replica, so neither foreign keys nor triggers work.',
          'Reset it for this user and this database: alter role … reset session_replication_role.',
        )
      : null,
  ({ transaction_isolation: isolation, lock_timeout: wait }) => {
    const own = `${LOCK_WAIT_SECONDS}s`;
    return isolation === 'read committed' && wait === own
      ? null
      : warning(
          `Connections have the isolation ${isolation} and lock_timeout ${wait}, although Rollcall sets "read committed" and ${own}.`,
          'Let a pool in between, such as PgBouncer, keep one session for each connection: pool_mode = session.',
        );
  },
  settings => {
    const off = (['fsync', 'full_page_writes', 'synchronous_commit'] as const).filter(name => settings[name] === 'off');
    return off.length === 0
      ? null
      : warning(
          `${off.join(', ')} ${off.length === 1 ? 'is' : 'are'} off: a crash of the machine can ${off.length === 1 && off[0] === 'synchronous_commit' ? 'lose acknowledged changes' : 'destroy the database'}.`,
          `Set ${off.map(name => `${name} = on`).join(', ')} in postgresql.conf.`,
        );
  },
  ({ max_connections: most }, pool) =>
    Number(most) < 2 * pool
      ? warning(
          `max_connections is ${most}, and each server uses up to ${pool}.`,
          'Raise it, so that there is room for all servers, a command and yourself.',
        )
      : null,
];
