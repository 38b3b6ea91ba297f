import { describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/failures/explain.js';
import { failureText } from '../../src/cli/failures/failure-text.js';
import { serverErrors } from '../../src/database/dialects/mysql-and-mariadb/errors.js';
import { troubleKinds } from '../../src/database/faults/fault.js';
import { TransactionError } from '../../src/transactions/transaction-error.js';

const URL = 'mysql://teller:secret@db.example/school';
const told = (error: unknown): string => failureText(explain(error, URL));
const ofServer = (errno: number, message: string): Error =>
  Object.assign(new Error(message), { errno, sqlMessage: message });

describe('a command that fails because of the database', () => {
  it.each([
    [
      1213,
      'Deadlock found when trying to get lock; try restarting transaction',
      'Other programs use the same tables, and the database gave way to them (1213). What was done before stays as it is. Run the same command again, at best when they do less.',
    ],
    [
      1040,
      'Too many connections',
      'The database accepts no more connections (1040). Close some, raise its limit, or try again later. It says: Too many connections',
    ],
    [
      1290,
      'The MySQL server is running with the --super-read-only option so it cannot execute this statement',
      'The database accepts no changes (1290): it is a replica',
    ],
    [
      1005,
      'Can\'t create table `school`.`core_user` (errno: 135 "No more room in record file")',
      'The database has no room for changes (1005). Free space on its disk. It says: Can',
    ],
    [
      1142,
      "DELETE command denied to user 'teller'@'web-1' for table 'core_course'",
      "The database does not allow this user to do that (1142). Grant the privileges that \"rollcall doctor\" names. It says: DELETE command denied to user 'teller'@'web-1' for table 'core_course'",
    ],
    [
      1044,
      "Access denied for user 'teller'@'%' to database 'school'",
      "It says: Access denied for user 'teller'@'%' to database 'school'",
    ],
    [
      1227,
      'Access denied; you need (at least one of) the FILE privilege(s) for this operation',
      'It says: Access denied; you need (at least one of) the FILE privilege(s)',
    ],
    [
      1370,
      "execute command denied to user 'teller'@'%' for routine 'school.counts'",
      "It says: execute command denied to user 'teller'@'%' for routine 'school.counts'",
    ],
    [1114, "The table 'core_course' is full", 'The database has no room for changes (1114).'],
    [1712, 'Index core_course is corrupted', 'The database cannot read or write its files (1712).'],
  ])('a failed command says what to do about the error, and asks nobody to report it: %i', (number, message, text) => {
    expect(told(ofServer(number, message))).toContain(text);
    expect(
      told(new TransactionError('DATABASE_UNAVAILABLE', 'Nothing was changed.', { cause: ofServer(number, message) })),
    ).toContain(text);
    expect(told(ofServer(number, message))).not.toContain('secret');
  });

  it('a failed command says so for every number of a fault of the database', () => {
    const unsaid = serverErrors
      .filter(([, , kind, when]) => troubleKinds.includes(kind) && !when)
      .filter(([number]) => told(ofServer(number, 'It failed.')).startsWith('Something unexpected'));
    expect(unsaid).toEqual([]);
  });

  it('a failed command shows unknown errors, and those that are no fault of the database, in full', () => {
    for (const number of [1064, 3999])
      expect(told(ofServer(number, 'It failed.'))).toContain('Something unexpected failed. Please report it');
  });

  it('a failed command says that a commit may have taken place, whatever ended it', () => {
    const cause = Object.assign(new Error('Connection lost'), { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });
    expect(told(new TransactionError('COMMIT_UNKNOWN', 'Look before you try again.', { cause }))).toBe(
      'Look before you try again.',
    );
  });
});
