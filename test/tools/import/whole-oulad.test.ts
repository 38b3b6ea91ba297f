import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus, Role, User } from '../../../src/entities/index.js';
import { importOulad } from '../../../src/tools/import/import-oulad.js';
import { ouladFiles } from '../../../src/tools/import/oulad-files.js';
import { startApi, type Api } from '../../support/api.js';
import { describeOnFirstThree } from '../../support/databases.js';
import { coursesWithDrift } from '../../support/courses-with-drift.js';
import { ouladFolder, reportMissingOuladFor } from '../../support/oulad.js';

reportMissingOuladFor('the import of the whole OULAD, and the API on it');

const page = `{
  courses(first: 100, orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) {
    totalCount
    nodes { id totalEnrollments activeEnrollments all: enrollmentsCount(limit: null) { count precision } enrollmentsByStatus { status count } }
  }
}`;

interface Node {
  id: string;
  totalEnrollments: number;
  activeEnrollments: number;
  all: { count: number; precision: string };
  enrollmentsByStatus: { status: string; count: number }[];
}

describe.skipIf(ouladFolder === null)('the whole dataset', () => {
  describeOnFirstThree('importing OULAD', kind => {
    let api: Api;
    let first: Awaited<ReturnType<typeof importOulad>>;

    // Once for all, because it takes seconds.
    beforeAll(async () => {
      api = await startApi(kind);
      first = await importOulad(api.database, await ouladFiles(ouladFolder!));
    });
    afterAll(() => api.stop());

    it('importing the whole of OULAD gives 22 courses and 32,593 enrollments with exact counts, and a second time changes nothing', async () => {
      const { database } = api;
      expect(first).toEqual({
        rows: 32_593,
        added: 32_593,
        alreadyThere: 0,
        bad: 0,
        outcome: 'finished',
      });
      const em = database.em.fork();
      expect(await em.count(Course)).toBe(22);
      expect(await em.count(User)).toBe(28_785);
      expect(await em.count(Enrollment)).toBe(32_593);
      expect(await em.count(Enrollment, { status: EnrollmentStatus.DROPPED })).toBe(10_156);
      expect(await em.count(Enrollment, { status: EnrollmentStatus.COMPLETED })).toBe(22_437);
      expect(await coursesWithDrift(database)).toEqual([]);
      const courses = await em.find(Course, {});
      expect(courses.reduce((sum, { totalEnrollments }) => sum + totalEnrollments, 0)).toBe(32_593);
      expect(courses.reduce((sum, { activeEnrollments }) => sum + activeEnrollments, 0)).toBe(0);

      const [enrollment] = await em.find(
        Enrollment,
        { course: { title: 'AAA 2013J' }, student: { email: 'student-11391@oulad.example.org' } },
        { populate: ['student'] },
      );
      expect(enrollment).toMatchObject({
        status: EnrollmentStatus.COMPLETED,
        enrolledAt: new Date(Date.UTC(2013, 9, 1) - 159 * 86_400_000),
      });
      expect(enrollment!.student.getEntity()).toMatchObject({ name: 'Student 11391', role: Role.STUDENT });

      const before = await em.fork().execute('select * from core_course order by id');
      expect(await importOulad(database, await ouladFiles(ouladFolder!))).toEqual({
        rows: 32_593,
        added: 0,
        alreadyThere: 32_593,
        bad: 0,
        outcome: 'finished',
      });
      expect(await em.fork().execute('select * from core_course order by id')).toEqual(before);
      expect(await em.fork().count(User)).toBe(28_785);
    });

    it('a page ordered by TOTAL_ENROLLMENTS shows stored counts that equal the computed ones and a COUNT(*) by hand, for each of 22 courses', async () => {
      const { data } = await api.send(null, page);
      const nodes = data.courses.nodes as Node[];
      const byHand = await api.database.em
        .getConnection()
        .execute<{ course_id: number; found: number }[]>(
          'select course_id, count(*) as found from core_enrollments group by course_id order by found desc, course_id desc',
        );
      expect([data.courses.totalCount, nodes.length]).toEqual([22, 22]);
      expect(nodes.map(({ id, totalEnrollments }) => [Number(id), totalEnrollments])).toEqual(
        byHand.map(({ course_id: id, found }) => [id, Number(found)]),
      );
      for (const { totalEnrollments, all, enrollmentsByStatus } of nodes) {
        expect(all).toEqual({ count: totalEnrollments, precision: 'EXACT' });
        expect(enrollmentsByStatus.reduce((sum, { count }) => sum + count, 0)).toBe(totalEnrollments);
      }
      const inStatus = (wanted: string): number =>
        nodes
          .flatMap(node => node.enrollmentsByStatus)
          .filter(({ status }) => status === wanted)
          .reduce((sum, { count }) => sum + count, 0);
      expect({ dropped: inStatus('DROPPED'), completed: inStatus('COMPLETED'), active: inStatus('ACTIVE') }).toEqual({
        dropped: 10_156,
        completed: 22_437,
        active: 0,
      });
    });
  });
});
