import { expect, it } from 'vitest';
import { Grants } from '../../src/database/dialects/mysql-and-mariadb/grants.js';
import { binaryLogFindings } from '../../src/database/dialects/mysql-and-mariadb/privileges.js';

const tables = ['core_course', 'core_enrollments'];
const may = (privilege: string, ...lines: string[]): boolean =>
  new Grants(lines).onTables(privilege, 'school_1', tables);

it.each([
  'GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION',
  'GRANT SELECT, INSERT, TRIGGER ON *.* TO `app`@`%`',
  'GRANT SELECT, TRIGGER, LOCK TABLES ON `school_1`.* TO `app`@`%`',
  'GRANT TRIGGER ON `school\\_1`.* TO `app`@`%`',
  'GRANT TRIGGER ON `school%`.* TO `app`@`%`',
  'GRANT SELECT (`id`, `title`), TRIGGER ON `s______1`.* TO `app`@`%`',
])('the grant %s gives TRIGGER on the tables', line => {
  expect(may('TRIGGER', line)).toBe(true);
});

it.each([
  "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*A4B6157319038724E3560894F7F932C8886EBFCF'",
  'GRANT SELECT, INSERT ON `school_1`.* TO `app`@`%`',
  'GRANT TRIGGER ON `school`.* TO `app`@`%`',
  'GRANT TRIGGER ON `school\\_2`.* TO `app`@`%`',
  'GRANT TRIGGER ON `school.1`.* TO `app`@`%`',
  'GRANT TRIGGER ON `school_1`.`core_course` TO `app`@`%`',
  'GRANT `TRIGGER`@`%` TO `app`@`%`',
  'GRANT EXECUTE ON PROCEDURE `school_1`.`trigger` TO `app`@`%`',
])('the grant %s does not give TRIGGER on the tables', line => {
  expect(may('TRIGGER', line)).toBe(false);
});

it('grants on single tables add up, and the name of a table is no pattern', () => {
  expect(
    may(
      'TRIGGER',
      'GRANT TRIGGER ON `school_1`.`core_course` TO `app`@`%`',
      'GRANT SELECT, TRIGGER ON `school_1`.`core_enrollments` TO `app`@`%`',
    ),
  ).toBe(true);
  expect(
    may(
      'TRIGGER',
      'GRANT TRIGGER ON `school%`.`core_course` TO `app`@`%`',
      'GRANT TRIGGER ON `school_1`.`core_enrollments` TO `app`@`%`',
    ),
  ).toBe(false);
});

it('the name of a table may contain characters that are special elsewhere', () => {
  expect(new Grants(['GRANT TRIGGER ON `a``b.(c)+`.* TO `app`@`%`']).onTables('TRIGGER', 'a`b.(c)+', tables)).toBe(
    true,
  );
});

it('a privilege for the whole server is distinguished from one on a database', () => {
  expect(new Grants(['GRANT SUPER ON *.* TO `app`@`%`']).onServer('SUPER')).toBe(true);
  expect(new Grants(['GRANT ALL PRIVILEGES ON `school_1`.* TO `app`@`%`']).onServer('SUPER')).toBe(false);
});

it('only a trusted user makes triggers beside a binary log, which matters most before they are made', () => {
  const app = new Grants(['GRANT TRIGGER, LOCK TABLES ON `school_1`.* TO `app`@`%`']);
  const statuses = (settings: Record<string, string>, grants: Grants, installed: boolean): string[] =>
    binaryLogFindings(settings, grants, installed).map(({ status }) => status);
  const untrusting = { log_bin: 'ON', log_bin_trust_function_creators: 'OFF' };
  expect(statuses(untrusting, app, false)).toEqual(['failed']);
  expect(statuses(untrusting, app, true)).toEqual(['warning']);
  expect(statuses(untrusting, new Grants(['GRANT SUPER ON *.* TO `app`@`%`']), false)).toEqual([]);
  expect(statuses({ ...untrusting, log_bin_trust_function_creators: 'ON' }, app, false)).toEqual([]);
  expect(statuses({ ...untrusting, log_bin: 'OFF' }, app, false)).toEqual([]);
});
