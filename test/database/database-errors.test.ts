import { createRequire } from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { driverErrors, serverErrors } from '../../src/database/dialects/mysql-and-mariadb/errors.js';
import * as postgreSqlErrors from '../../src/database/dialects/postgresql/errors.js';
import { sqliteErrors } from '../../src/database/dialects/sqlite/errors.js';
import { faultOf, faultWithin } from '../../src/database/faults/fault-of.js';
import { troubleKinds, type ErrorRow } from '../../src/database/faults/fault.js';
import { describeOnMySql, freshDatabase } from '../support/databases.js';

const namesOfDriver = createRequire(createRequire(import.meta.url).resolve('mysql2'))(
  './lib/constants/errors.js',
) as Readonly<Record<string, number>>;

/** Returns an error as mysql2 makes it from the answer of a server. */
function ofServer(errno: number, message = 'the server says so', more: object = {}): Error {
  return Object.assign(new Error(message), { errno, sqlState: 'HY000', sqlMessage: message, ...more });
}

describe('the error tables of the databases', () => {
  it.each<[string, readonly ErrorRow<number | string>[]]>([
    ['MySQL and MariaDB', serverErrors],
    ['mysql2', driverErrors],
    ['PostgreSQL', postgreSqlErrors.serverErrors],
    ['pg', postgreSqlErrors.driverErrors],
    ['SQLite', sqliteErrors],
  ])(
    'the error tables name each error of %s once for each message that tells more than its number, and the rule for all other messages last',
    (_, rows) => {
      for (const [key, same] of Map.groupBy(rows, ([one]) => one)) {
        expect([
          key,
          new Set(same.map(([, name]) => name)).size,
          new Set(same.map(([, , , when]) => String(when))).size,
        ]).toEqual([key, 1, same.length]);
        expect([key, same.slice(0, -1).every(([, , , when]) => when !== undefined)]).toEqual([key, true]);
      }
    },
  );

  it('the error tables have every primary result code of SQLite that is an error', () => {
    expect(sqliteErrors.map(([code]) => code)).toEqual(Array.from({ length: 26 }, (_, index) => index + 1));
  });

  it('the error tables give each number the name that mysql2 gives it, where it knows the number', () => {
    const names = new Map(Object.entries(namesOfDriver).map(([name, number]) => [number, name]));
    // These are MariaDB's own; MySQL has others.
    const own = ['ER_CONSTRAINT_FAILED', 'ER_ACCOUNT_HAS_BEEN_LOCKED'];
    const differing = serverErrors.filter(
      ([number, name]) => number >= 1000 && !own.includes(name) && names.has(number) && names.get(number) !== name,
    );
    expect(differing.map(([number, name]) => `${number} ${name}: ${names.get(number)}`)).toEqual([]);
  });
});

describeOnMySql('the names in the error tables', kind => {
  it('the error tables have the names that the server reports for the numbers, where it does', async () => {
    const { database, drop } = await freshDatabase(kind);
    try {
      // MariaDB has no such table.
      if (kind === 'mariadb') return;
      const rows = await database.em
        .getConnection()
        .execute<{ number: number; name: string }[]>(
          'select error_number as number, error_name as name from performance_schema.events_errors_summary_global_by_error where error_number is not null',
        );
      const names = new Map(rows.map(({ number, name }) => [number, name]));
      const ofMariaDb = [1927, 1932, 1969, 4025, 4151];
      const differing = serverErrors.filter(
        ([number, name]) =>
          number >= 1000 && !ofMariaDb.includes(number) && names.has(number) && names.get(number) !== name,
      );
      // It gives other names to the errors that it no longer raises.
      expect(
        differing
          .filter(([number, name]) => names.get(number) !== `OBSOLETE_${name}`)
          .map(([number, name]) => `${number} ${name}: ${names.get(number)}`),
      ).toEqual([]);
    } finally {
      await drop();
    }
  });
});

describe('an error of a database', () => {
  it.each<[string, unknown, string, number | string]>([
    ['a deadlock', ofServer(1213), 'deadlock', 1213],
    [
      'Group Replication’s at COMMIT',
      ofServer(1180, 'Got error 149 - "Lock deadlock; Retry transaction" during COMMIT'),
      'deadlock',
      1180,
    ],
    ['a full disk at COMMIT', ofServer(1180, 'Got error 28 "No space left on device" during COMMIT'), 'full', 1180],
    ['any other failure of COMMIT', ofServer(1180, 'Got error 5 "Input/output error" during COMMIT'), 'broken', 1180],
    [
      'Galera’s node without its cluster',
      ofServer(1047, 'WSREP has not yet prepared node for application use'),
      'stopped',
      1047,
    ],
    ['what a trigger says', ofServer(1644, 'The course is full'), 'row_refused', 1644],
    ['a value that an ENUM does not have', ofServer(1265, 'Data truncated for column'), 'row_refused', 1265],
    ['a command that is not known', ofServer(1047, 'Unknown command'), 'mistaken', 1047],
    [
      'a read only server',
      ofServer(
        1290,
        'The MySQL server is running with the --super-read-only option so it cannot execute this statement',
      ),
      'read_only',
      1290,
    ],
    [
      'another option that prevents a statement',
      ofServer(
        1290,
        'The MySQL server is running with the --secure-file-priv option so it cannot execute this statement',
      ),
      'denied',
      1290,
    ],
    [
      'a storage engine without room',
      ofServer(1030, "Got error 28 - 'No space left on device' from storage engine"),
      'full',
      1030,
    ],
    [
      'a storage engine that fails',
      ofServer(1030, "Got error 122 - 'Internal (unspecified) error in handler' from storage engine"),
      'broken',
      1030,
    ],
    [
      'a file that cannot be written, for the disk',
      ofServer(3, "Error writing file '/tmp/x' (OS errno 28 - No space left on device)"),
      'full',
      3,
    ],
    ['a number that is in no table', ofServer(3999), 'unknown', 3999],
    [
      'a number that is in no table, with which the connection ended',
      ofServer(3999, 'bye', { fatal: true }),
      'disconnected',
      3999,
    ],
    [
      'a number that came unasked, with which the server ends a connection',
      Object.assign(new Error('The client was disconnected by the server because of inactivity.'), {
        code: 4031,
        fatal: true,
      }),
      'disconnected',
      4031,
    ],
    [
      'a shutdown that came unasked',
      Object.assign(new Error('Server shutdown in progress'), { code: 1053, fatal: true }),
      'stopped',
      1053,
    ],
    [
      'a refused connection',
      Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', errno: -111, fatal: true }),
      'disconnected',
      'ECONNREFUSED',
    ],
    [
      'a certificate that is not accepted',
      Object.assign(new Error('self-signed certificate'), { code: 'HANDSHAKE_SSL_ERROR', fatal: true }),
      'refused',
      'HANDSHAKE_SSL_ERROR',
    ],
    [
      'a code of the driver that is not known',
      Object.assign(new Error('?'), { code: 'NEW', fatal: true }),
      'disconnected',
      'NEW',
    ],
    [
      'a command on a connection that has ended',
      Object.assign(new Error("Can't add new command when connection is in closed state"), { fatal: true }),
      'disconnected',
      'CLOSED',
    ],
    [
      'an extended code of SQLite',
      Object.assign(new Error('disk I/O error'), { code: 'ERR_SQLITE_ERROR', errcode: 10 + 256 * 3 }),
      'broken',
      778,
    ],
  ])('an error of a database is of its kind: %s', (_, error, kind, number) => {
    expect(faultOf(error)).toMatchObject({ kind, number });
    // It is found when it is wrapped too, if requested.
    expect([
      faultOf(new Error('wrapped', { cause: error })),
      faultWithin(new Error('wrapped', { cause: error }))?.kind,
    ]).toEqual([null, kind]);
  });

  it.each([
    new Error('ours'),
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED', errno: -111 }),
    Object.assign(new Error('no file'), { code: 'ENOENT', errno: -2 }),
    null,
    undefined,
    'text',
    7,
  ])('an error of a database is distinguished from other errors: %s', error => {
    expect(faultOf(error)).toBeNull();
  });

  it('an error that is in no table is reported as a mistake, and leaves it open whether a COMMIT took place', () => {
    expect(faultOf(ofServer(3999))).toMatchObject({ callerCode: null, atCommit: 'unknown', isTransient: false });
  });

  it('an error is a fault of the database exactly where callers are told that it cannot be used or has no room', () => {
    expect([...troubleKinds].toSorted()).toEqual([
      'broken',
      'crowded',
      'denied',
      'disconnected',
      'exhausted',
      'full',
      'read_only',
      'refused',
      'stopped',
    ]);
  });

  it('an error of a database has its message in one line', () => {
    expect(faultOf(ofServer(1213, 'a\nb'))?.message).toBe('a');
  });

  it.each<[string, (file: DatabaseSync) => void, string]>([
    ['no such table', file => file.exec('select * from nothing'), 'mistaken'],
    ['a constraint', file => file.exec('create table t (a not null); insert into t values (null)'), 'row_refused'],
    [
      'no room',
      file => file.exec('create table t (a); pragma max_page_count = 1; insert into t values (zeroblob(1000000))'),
      'full',
    ],
    [
      'no writing',
      file => file.exec('create table t (a); pragma query_only = on; insert into t values (1)'),
      'read_only',
    ],
  ])('an error is of its kind as SQLite raises it: %s', (_, fail, kind) => {
    const file = new DatabaseSync(':memory:');
    let thrown: unknown;
    try {
      fail(file);
    } catch (error) {
      thrown = error;
    }
    file.close();
    expect(faultOf(thrown)?.kind).toBe(kind);
  });
});
