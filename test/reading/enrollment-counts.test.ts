import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Viewer } from '../../src/access/viewer.js';
import type { Database } from '../../src/database/database.js';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import {
  enrollmentCount,
  enrollmentCounts,
  type EnrollmentFilter,
  type EnrollmentParent,
} from '../../src/reading/index.js';
import { seesEnrollment } from '../../src/reading/visibility.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { statementsOf } from '../support/statements.js';

const STATUSES = Object.values(EnrollmentStatus);
const { ACTIVE } = EnrollmentStatus;
/** Every set of statuses that can be requested, and none. */
const SETS = [
  null,
  ...Array.from({ length: 2 ** STATUSES.length }, (_, bits) => STATUSES.filter((__, place) => bits & (2 ** place))),
];

interface Row {
  readonly courseId: number;
  readonly studentId: number;
  readonly status: EnrollmentStatus;
  readonly instructorId: number | null;
}

describeOnEach('the length of a list of enrollments', kind => {
  let database: Database;
  let drop: () => Promise<void>;
  let rows: Row[];
  let courses: number[];
  let users: number[];
  let viewers: Record<string, Viewer>;

  beforeAll(async () => {
    ({ database, drop } = await freshDatabase(kind));
    const [teacher, colleague, idle] = await addUsers(database, Role.TEACHER, 3);
    const students = await addUsers(database, Role.STUDENT, 6);
    const instructors = [teacher, teacher, colleague, undefined, teacher];
    courses = await addCourses(
      database,
      instructors.map(instructor => (instructor === undefined ? {} : { instructor })),
    );
    // The teacher is a student in own courses and in those of others; the last course has no enrollments.
    const added = [...students, teacher!, colleague!].flatMap((student, at) =>
      courses
        .slice(0, -1)
        .flatMap((course, nth) =>
          (at + nth) % 5 === 0 ? [] : [{ course, student, status: STATUSES[(at * at + nth) % STATUSES.length]! }],
        ),
    );
    await addEnrollments(database, added);
    rows = added.map(({ course, student, status }) => ({
      courseId: course,
      studentId: student,
      status,
      instructorId: instructors[courses.indexOf(course)] ?? null,
    }));
    courses.push(courses.at(-1)! + 1);
    users = [students[1]!, teacher!];
    viewers = {
      'an admin': { role: Role.ADMIN, userId: null },
      'a teacher who is also a student': { role: Role.TEACHER, userId: teacher! },
      'a teacher without courses': { role: Role.TEACHER, userId: idle! },
      'a teacher without an account': { role: Role.TEACHER, userId: null },
      'a student': { role: Role.STUDENT, userId: students[1]! },
      'a student without an account': { role: Role.STUDENT, userId: null },
    };
  });
  afterAll(() => drop());

  function counted(viewer: Viewer, { courseId, studentId, status }: EnrollmentFilter): number {
    return rows.filter(
      row =>
        seesEnrollment(viewer, row) &&
        (courseId == null || row.courseId === courseId) &&
        (studentId == null || row.studentId === studentId) &&
        (status == null || status.includes(row.status)),
    ).length;
  }

  function filtersOf(): EnrollmentFilter[] {
    return [null, ...courses].flatMap(courseId =>
      [null, ...users].flatMap(studentId => SETS.map(status => ({ courseId, studentId, status }))),
    );
  }

  /** Returns true if the stored counts of courses add up to the enrollments of some statuses. */
  function isStored(status: EnrollmentFilter['status']): boolean {
    const others = (status ?? STATUSES).filter(one => one !== ACTIVE).length;
    return others === 0 || others === STATUSES.length - 1;
  }

  /** Asserts that enrollments are counted as rows only for single students, or for statuses that no count has. */
  function expectNoScan(statement: string, { status, studentId }: EnrollmentFilter): void {
    if (studentId != null || !isStored(status)) return;
    for (const part of statement.split(' union all '))
      if (part.includes('from core_enrollments')) expect(part).toContain('student_id = ');
  }

  const names = [
    'an admin',
    'a teacher who is also a student',
    'a teacher without courses',
    'a teacher without an account',
    'a student',
    'a student without an account',
  ];

  it.each(names)(
    'the enrollments that %s sees are as many as their rows, under every filter, and counted by one statement that scans no enrollments where a stored count has them',
    async name => {
      const viewer = viewers[name]!;
      for (const filter of filtersOf()) {
        let count!: number;
        const [statement, ...others] = await statementsOf(database, async () => {
          count = await enrollmentCount(database, viewer, filter);
        });
        expect([filter, count]).toEqual([filter, counted(viewer, filter)]);
        expect(others).toEqual([]);
        if (statement !== undefined) expectNoScan(statement, filter);
      }
    },
  );

  it.each(names)(
    'the enrollments that %s sees in each of several courses, or of each of several students, are as many as their rows, and counted the same way',
    async name => {
      const viewer = viewers[name]!;
      const lists: [EnrollmentParent, 'courseId' | 'studentId', number[]][] = [
        ['course_id', 'courseId', courses],
        ['student_id', 'studentId', users],
      ];
      for (const [parent, key, ids] of lists)
        for (const filter of filtersOf()) {
          let counts!: number[];
          const [statement, ...others] = await statementsOf(database, async () => {
            counts = await enrollmentCounts(database, viewer, parent, ids, filter);
          });
          expect([filter, counts]).toEqual([
            filter,
            ids.map(id => (filter[key] == null || filter[key] === id ? counted(viewer, { ...filter, [key]: id }) : 0)),
          ]);
          expect(others).toEqual([]);
          if (statement !== undefined && parent === 'course_id') expectNoScan(statement, filter);
        }
    },
  );
});
