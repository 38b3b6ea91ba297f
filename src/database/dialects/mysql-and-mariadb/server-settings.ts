import type { Database } from '../dialect.js';
import { failed, ok, warning, type Finding } from '../finding.js';

/** The settings of a server as this program's connections have them, by name; unknown ones are omitted. */
export type Settings = Readonly<Record<string, string>>;

const names = [
  'transaction_isolation',
  'tx_isolation',
  'sql_mode',
  'foreign_key_checks',
  'read_only',
  'super_read_only',
  'max_connections',
  'log_bin',
  'log_bin_trust_function_creators',
  'sync_binlog',
  'innodb_flush_log_at_trx_commit',
  'innodb_lock_wait_timeout',
  'innodb_deadlock_detect',
  'wsrep_on',
  'wsrep_sync_wait',
];

/** Returns the settings of MySQL or MariaDB that matter to Rollcall. */
export async function settingsOf(database: Database): Promise<Settings> {
  const rows = await database.em
    .getConnection()
    .execute<{ Variable_name: string; Value: string }[]>(
      `show variables where variable_name in (${names.map(name => `'${name}'`).join(', ')})`,
    );
  return Object.fromEntries(rows.map(row => [row.Variable_name, row.Value]));
}

/** Examines the settings of MySQL or MariaDB. */
export async function examineServerSettings(database: Database): Promise<Finding[]> {
  const pool = (database.config.get('pool') as { max?: number } | undefined)?.max ?? 0;
  return findingsOf(await settingsOf(database), pool);
}

/** Returns the findings for settings; `pool` is the number of connections that each process may open. */
export function findingsOf(settings: Settings, pool: number): Finding[] {
  const isolation = settings['transaction_isolation'] ?? settings['tx_isolation'] ?? 'unknown';
  const lockWait = settings['innodb_lock_wait_timeout'];
  const amiss = rules
    .filter(rule => rule.when(settings, isolation, pool))
    .map(rule => rule.finding(settings, isolation, pool));
  return amiss.some(({ status }) => status === 'failed')
    ? amiss
    : [
        ...amiss,
        ok(
          `Isolation ${isolation}; lock waits end after ${lockWait} s; at most ${settings['max_connections']} connections.`,
        ),
      ];
}

interface Rule {
  readonly when: (settings: Settings, isolation: string, pool: number) => boolean;
  readonly finding: (settings: Settings, isolation: string, pool: number) => Finding;
}

const rules: readonly Rule[] = [
  {
    when: ({ read_only: readOnly, super_read_only: superReadOnly }) =>
      [readOnly, superReadOnly].some(value => value !== undefined && !['OFF', '0'].includes(value)),
    finding: () =>
      failed(
        'The server is read-only.',
        'Name the primary in DATABASE_URL, not a replica; or set global read_only = 0.',
      ),
  },
  {
    when: ({ foreign_key_checks: checks }) => checks === 'OFF',
    finding: () =>
      failed(
        'foreign_key_checks is OFF, so rows can refer to missing rows.',
        'set global foreign_key_checks = 1, and restart the servers.',
      ),
  },
  {
    when: (_, isolation) => isolation !== 'READ-COMMITTED',
    finding: (_, isolation) =>
      warning(
        `Connections have the isolation ${isolation}, although Rollcall requests READ-COMMITTED.`,
        'Make the proxy in between pass on "set session"; otherwise expect more conflicts.',
      ),
  },
  {
    when: ({ sql_mode: mode = '' }) => !/STRICT_(TRANS|ALL)_TABLES/.test(mode),
    finding: ({ sql_mode: mode }) =>
      warning(
        `sql_mode is "${mode}", not strict: values that do not fit are changed silently.`,
        'Add STRICT_TRANS_TABLES to sql_mode.',
      ),
  },
  {
    when: ({ innodb_flush_log_at_trx_commit: flush }) => flush !== '1',
    finding: ({ innodb_flush_log_at_trx_commit: flush }) =>
      warning(
        `innodb_flush_log_at_trx_commit is ${flush}: a power cut can lose acknowledged changes.`,
        'set global innodb_flush_log_at_trx_commit = 1',
      ),
  },
  {
    when: ({ log_bin: log, sync_binlog: sync }) => log === 'ON' && sync !== '1',
    finding: ({ sync_binlog: sync }) =>
      warning(
        `sync_binlog is ${sync}: after a power cut replicas can lack acknowledged changes.`,
        'set global sync_binlog = 1',
      ),
  },
  {
    when: ({ innodb_deadlock_detect: detect }) => detect === 'OFF',
    finding: ({ innodb_lock_wait_timeout: wait }) =>
      warning(
        `innodb_deadlock_detect is OFF: a deadlock lasts until a lock wait ends, ${wait} s.`,
        'set global innodb_deadlock_detect = 1',
      ),
  },
  {
    when: ({ max_connections: most }, _, pool) => Number(most) < 2 * pool,
    finding: ({ max_connections: most }, _, pool) =>
      warning(
        `max_connections is ${most}, and each server uses up to ${pool}.`,
        'Raise it, so that there is room for all servers, a command and yourself.',
      ),
  },
  {
    when: ({ wsrep_on: galera, wsrep_sync_wait: wait }) => galera === 'ON' && (Number(wait) & 1) === 0,
    finding: () =>
      warning(
        'On this cluster a read right after a commit can be stale: wsrep_sync_wait is 0.',
        'set global wsrep_sync_wait = 1',
      ),
  },
];
