import { afterAll, beforeAll, expect, it } from 'vitest';
import { databaseChecks } from '../../../src/tools/doctor/database-checks.js';
import { operator } from '../../../src/access/viewer.js';
import { tableNames } from '../../../src/database/tables.js';
import { adoptedSchool, type AdoptedSchool } from '../../support/adopted-school.js';
import { describeOnEach } from '../../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoUsers } from '../../support/django-tables.js';

describeOnEach("the doctor on another application's database", kind => {
  let school: AdoptedSchool;

  beforeAll(async () => {
    school = await adoptedSchool(
      kind,
      [
        djangoUsers([
          { id: 1, role: 'dean' },
          { id: 2, email: ' ', isActive: false },
        ]),
        djangoCourses([{ id: 1, title: 'Optics', totalEnrollments: 3 }]),
        djangoEnrollments([
          [1, 1, 1, 'paid'],
          [2, 1, 1],
        ]),
      ],
      ({ courses, enrollments }) => {
        Object.assign((courses.columns.status as { values: object }).values, { DRAFT: ['draft'] });
        Object.assign((enrollments.columns.status as { values: object }).values, { ACTIVE: ['active'] });
      },
      { uniquePair: false },
    );
  });
  afterAll(() => school.drop());

  it('examines its tables by their names, names unknown values, and leaves nothing behind', async () => {
    const opened = { database: school.database, counters: 'hooks', viewer: operator, tables: tableNames } as const;
    const told: string[] = [];
    for (const { name, examine } of databaseChecks)
      for (const { status, message } of await examine(opened, () => undefined))
        if (status !== 'ok' || ['probe', 'migrations', 'privileges', 'tables'].includes(name))
          told.push(`${status} ${name}: ${message}`);
    const texts = told.filter(text => text.startsWith('ok tables: Texts are compared by these collations: '));
    // The other two have their own order of texts where a column names none.
    expect(texts).toHaveLength(kind === 'mysql' || kind === 'mariadb' ? 1 : 0);
    expect(told.filter(text => !/^\w+ (?:settings|disk|clock|index)/.test(text) && !texts.includes(text))).toEqual([
      expect.stringMatching(/^ok migrations: All \d are applied\.$/),
      ...[
        'select',
        'select, update, delete',
        'select, update, delete',
        'select, update, delete',
        'select, update, delete',
      ].map((kinds, index) => `ok privileges: ${kinds} work on ${tableNames[index]}.`),
      'failed counts: Counts that do not match the enrollments: 2, of course 1.',
      'warning tables: core_enrollments has no unique key on (course_id, student_id). A student may be in a course several times there; Rollcall allows one.',
      'ok tables: No foreign key between these tables changes rows when others are deleted.',
      'ok tables: Other tables refer to these: core_payment.course_id → core_course; core_payment.user_id → core_user. A row to which one refers cannot be deleted (IN_USE).',
      'failed values: core_user has values of role that the map does not name, with the number of rows: "dean" 1.',
      'failed values: core_enrollments has values of status that the map does not name, with the number of rows: "paid" 1.',
      'warning rows: Some students are in a course several times: 1 row too many, such as course 1, student 1 (2). They stay, and each of them counts.',
      'warning rows: Users without an email: 1. They stay.',
      'warning rows: Inactive users, by core_user.is_active: 1. They stay, with the rights of students.',
      'ok probe: Enrolling and unenrolling moved the counts 0, 0 → 1, 1 → 0, 0, in a transaction that was rolled back.',
    ]);
    const rows = await school.database.em
      .fork()
      .execute<object[]>('select id, total_enrollments as t from core_course');
    expect(rows).toEqual([{ id: 1, t: 3 }]);
  });
});
