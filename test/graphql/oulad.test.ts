import { describe, expect, it } from 'vitest';
import { importOulad } from '../../src/tools/import/import-oulad.js';
import { ouladFiles } from '../../src/tools/import/oulad-files.js';
import { startApi } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { ouladFolder, reportMissingOuladFor } from '../support/oulad.js';

reportMissingOuladFor('the API on the whole OULAD');

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

describe.skipIf(ouladFolder === null)('real enrollments', () => {
  describeOnEach('a page of courses ordered by TOTAL_ENROLLMENTS', kind => {
    it('a page ordered by TOTAL_ENROLLMENTS shows stored counts that equal the computed ones and a COUNT(*) by hand, for each of 22 courses', async () => {
      const api = await startApi(kind);
      await importOulad(api.database, await ouladFiles(ouladFolder!));
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
      await api.stop();
    });
  });
});
