import { expect, it } from 'vitest';
import { DatabaseFaults } from '../../src/http/observability/database-faults.js';
import { keptLog } from '../support/log-lines.js';

const full = (): Error =>
  Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });

it('the faults of a database are logged once a minute by number, counted each time, and remembered for 15 s', () => {
  const log = keptLog();
  let now = 0;
  const faults = new DatabaseFaults(log.logger, () => now);
  const numbers = () => log.lines().map(({ errno }) => errno);
  for (now of [0, 14_999]) expect(faults.note(full(), { requestId: 'one' })).toBe(true);
  expect([numbers(), faults.counts.get('full'), faults.recent(['full'])?.number]).toEqual([[13], 2, 13]);
  expect(log.lines()).toMatchObject([
    { level: 40, requestId: 'one', fault: 'full', errno: 13, error: 'database or disk is full' },
  ]);
  now = 29_998;
  expect([faults.recent(['full'])?.kind, faults.recent(['read_only'])]).toEqual(['full', undefined]);
  now = 29_999;
  expect(faults.recent(['full'])).toBeUndefined();
  // Another number has a line of its own, and the first one again after its minute.
  faults.note(Object.assign(new Error('readonly'), { code: 'ERR_SQLITE_ERROR', errcode: 1032 }));
  now = 59_999;
  faults.note(full());
  now = 60_000;
  faults.note(full());
  expect(numbers()).toEqual([13, 1032, 13]);
});

it('each missing privilege is logged separately once a minute, though they share their number', () => {
  const log = keptLog();
  let now = 0;
  const faults = new DatabaseFaults(log.logger, () => now);
  const denied = (command: string, table: string): Error =>
    Object.assign(new Error(`${command} command denied to user 'teller'@'web-1' for table '${table}'`), {
      errno: 1142,
    });
  for (now of [0, 59_999])
    for (const [command, table] of [
      ['INSERT', 'core_course'],
      ['DELETE', 'core_course'],
      ['INSERT', 'core_user'],
    ] as const)
      faults.note(denied(command, table));
  expect(log.lines().map(({ errno, error }) => [errno, String(error).replace(/ .* /, ' ')])).toEqual([
    [1142, "INSERT 'core_course'"],
    [1142, "DELETE 'core_course'"],
    [1142, "INSERT 'core_user'"],
  ]);
});

it('conflicts, mistakes and internal errors are neither counted nor logged as faults of the database', () => {
  const log = keptLog();
  const faults = new DatabaseFaults(log.logger);
  const errors = [
    Object.assign(new Error('deadlock'), { errno: 1213 }),
    Object.assign(new Error('too late'), { errno: 3024 }),
    Object.assign(new Error('no such table'), { errno: 1146 }),
    new Error('ours'),
  ];
  expect(errors.map(error => faults.note(error))).toEqual([false, false, false, false]);
  expect([log.text(), [...faults.counts.values()].every(count => count === 0)]).toEqual(['', true]);
});
