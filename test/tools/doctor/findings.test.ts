import { expect, it } from 'vitest';
import { clockFinding } from '../../../src/tools/doctor/clock.js';
import { examineNode, versionFinding } from '../../../src/tools/doctor/connection.js';
import { lifetimeFinding } from '../../../src/tools/doctor/secrets.js';
import { findingsOf, type Settings } from '../../../src/database/dialects/mysql-and-mariadb/server-settings.js';
import {
  findingsOf as postgreSqlFindingsOf,
  type Settings as PostgreSqlSettings,
} from '../../../src/database/dialects/postgresql/server-settings.js';
import { roomFinding } from '../../../src/database/dialects/sqlite/examine-file.js';
import { dialects } from '../../../src/database/dialects/dialects.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';

it.each<[DatabaseKind, string, string]>([
  ['mysql', '8.4.0', 'ok'],
  ['mysql', '9.7.4-2', 'ok'],
  ['mysql', '8.0.36', 'failed'],
  ['mysql', '10.11.6-MariaDB', 'failed'],
  ['mariadb', '10.11.19-MariaDB-0+deb12u1', 'ok'],
  ['mariadb', '5.5.5-11.4.2-MariaDB-log', 'ok'],
  ['mariadb', '10.6.18-MariaDB', 'failed'],
  ['mariadb', '9.7.4', 'failed'],
  ['sqlite', '3.50.4', 'ok'],
  ['postgresql', '14.0', 'ok'],
  ['postgresql', '15.18 (Debian 15.18-0+deb12u1)', 'ok'],
  ['postgresql', '13.23', 'failed'],
])('the version of %s %s is %s', (kind, version, status) => {
  expect(versionFinding(dialects[kind], version, 'here').status).toBe(status);
});

it('a URL of the wrong kind is distinguished from an old version, and the finding says what to write', () => {
  expect(versionFinding(dialects.mysql, '11.4.2-MariaDB', 'here')).toEqual({
    status: 'failed',
    message: 'DATABASE_URL begins with mysql:, but the server is MariaDB (11.4.2-MariaDB).',
    advice: 'Begin it with mariadb: instead.',
  });
  expect(versionFinding(dialects.mariadb, '8.4.3', 'here').advice).toBe('Begin it with mysql: instead.');
  expect(['24.1.0', '22.17.0', '22.16.0', '20.20.2'].map(version => examineNode(version)[0]!.status)).toEqual([
    'ok',
    'ok',
    'failed',
    'failed',
  ]);
});

const sound: Settings = {
  transaction_isolation: 'READ-COMMITTED',
  sql_mode: 'STRICT_TRANS_TABLES,NO_ZERO_DATE',
  foreign_key_checks: 'ON',
  read_only: 'OFF',
  super_read_only: 'OFF',
  max_connections: '151',
  log_bin: 'ON',
  sync_binlog: '1',
  innodb_flush_log_at_trx_commit: '1',
  innodb_lock_wait_timeout: '50',
  innodb_deadlock_detect: 'ON',
};
const statuses = (settings: Settings): string[] =>
  findingsOf({ ...sound, ...settings }, 20).map(({ status, message }) => `${status} ${message}`);

it('sound settings take one line', () => {
  expect(statuses({})).toEqual(['ok Isolation READ-COMMITTED; lock waits end after 50 s; at most 151 connections.']);
  const { transaction_isolation: isolation, super_read_only: _, ...older } = sound;
  expect(findingsOf({ ...older, tx_isolation: isolation! }, 20).map(({ status }) => status)).toEqual(['ok']);
});

it.each<[Settings, RegExp]>([
  [{ read_only: 'ON' }, /^failed The server is read-only/],
  [{ super_read_only: 'ON' }, /^failed The server is read-only/],
  [{ foreign_key_checks: 'OFF' }, /^failed foreign_key_checks is OFF/],
  [{ transaction_isolation: 'REPEATABLE-READ' }, /^warning Connections have the isolation REPEATABLE-READ/],
  [{ sql_mode: '' }, /^warning sql_mode is "", not strict/],
  [{ innodb_flush_log_at_trx_commit: '2' }, /^warning innodb_flush_log_at_trx_commit is 2/],
  [{ sync_binlog: '0' }, /^warning sync_binlog is 0/],
  [{ innodb_deadlock_detect: 'OFF' }, /^warning innodb_deadlock_detect is OFF/],
  [{ max_connections: '30' }, /^warning max_connections is 30, and each server uses up to 20/],
  [{ wsrep_on: 'ON', wsrep_sync_wait: '0' }, /^warning On this cluster a read right after a commit can be stale/],
])('the settings %j are found', (settings, message) => {
  const [first, ...rest] = statuses(settings);
  expect(first).toMatch(message);
  expect(rest).toHaveLength(first!.startsWith('failed') ? 0 : 1);
});

it('settings that only matter beside others are ignored without them', () => {
  expect(statuses({ log_bin: 'OFF', sync_binlog: '0', wsrep_on: 'ON', wsrep_sync_wait: '1' })).toHaveLength(1);
});

const soundPostgreSql: PostgreSqlSettings = {
  in_recovery: 'false',
  transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  server_encoding: 'UTF8',
  lock_timeout: '5s',
  max_connections: '100',
  session_replication_role: 'origin',
  synchronous_commit: 'on',
  fsync: 'on',
  full_page_writes: 'on',
};

it.each<[Partial<PostgreSqlSettings>, RegExp | null]>([
  [{}, null],
  [{ in_recovery: 'true' }, /^failed The server is a replica/],
  [{ default_transaction_read_only: 'on' }, /^failed The database is read-only/],
  [{ server_encoding: 'SQL_ASCII' }, /^failed The encoding of the database is SQL_ASCII/],
  [{ session_replication_role: 'replica' }, /^failed session_replication_role is replica/],
  [{ transaction_isolation: 'repeatable read' }, /^warning Connections have the isolation repeatable read/],
  [{ lock_timeout: '0' }, /^warning Connections have the isolation read committed and lock_timeout 0/],
  [{ synchronous_commit: 'off' }, /^warning synchronous_commit is off: .* lose acknowledged changes/],
  [{ fsync: 'off', synchronous_commit: 'off' }, /^warning fsync, synchronous_commit are off: .* destroy the database/],
  [{ max_connections: '30' }, /^warning max_connections is 30, and each server uses up to 20/],
])('the settings %j of PostgreSQL are found', (settings, message) => {
  const found = postgreSqlFindingsOf({ ...soundPostgreSql, ...settings }, 20).map(
    one => `${one.status} ${one.message}`,
  );
  const rest = message === null ? found : found.slice(1);
  if (message !== null) expect(found[0]).toMatch(message);
  expect(rest).toEqual(
    found[0]!.startsWith('failed')
      ? []
      : [expect.stringMatching(/^ok Isolation .*; lock waits end after .*; at most \d+ connections\.$/)],
  );
});

it('a clock is wrong by what lies outside of the question and its answer', () => {
  expect(clockFinding(5000, 4000, 6000).status).toBe('ok');
  expect(clockFinding(2500, 4000, 6000).status).toBe('ok');
  expect(clockFinding(9000, 4000, 6000)).toMatchObject({
    status: 'warning',
    message: "The database's clock is 3.0 s ahead of this machine's.",
  });
  expect(clockFinding(1000, 4000, 6000).message).toBe("The database's clock is 3.0 s behind this machine's.");
});

it('room on a disk is compared with the size of the file, and is none below 50 MB', () => {
  const megabyte = 1_000_000;
  expect(roomFinding('/data', 100 * megabyte, 2000 * megabyte)).toEqual({
    status: 'ok',
    message: 'The file has 100 MB, and the disk of /data has 2,000 MB free.',
  });
  expect(
    [
      [100, 400],
      [5000, 2000],
      [1, 20],
    ].map(([size, free]) => roomFinding('/data', size! * megabyte, free! * megabyte).status),
  ).toEqual(['warning', 'warning', 'failed']);
});

it('a token is judged by its remaining lifetime', () => {
  const token = (claims: object): string =>
    ['{"alg":"HS256"}', JSON.stringify(claims)].map(part => Buffer.from(part).toString('base64url')).join('.') + '.x';
  const now = 1_000_000;
  expect(lifetimeFinding(token({ iat: now, exp: now + 3600 }), now)).toMatchObject({
    status: 'ok',
    message: 'The token is good until 1970-01-12T14:46:40.000Z.',
  });
  expect(lifetimeFinding(token({ iat: now - 3600, exp: now - 1 }), now)).toMatchObject({
    status: 'failed',
    message: expect.stringContaining('has expired at 1970-01-12T13:46:39.000Z'),
  });
  expect(lifetimeFinding(token({ iat: now, exp: now + 400 * 86_400 }), now)).toMatchObject({
    status: 'warning',
    message: expect.stringContaining('good for 400 days'),
  });
  for (const none of [token({}), 'no token'])
    expect(lifetimeFinding(none, now)).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('does not say when it expires'),
    });
});
