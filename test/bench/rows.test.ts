import { expect, it } from 'vitest';
import { layOut, tablesOf } from '../../bench/comparison/rows.ts';

const size = { courses: 100, enrollments: 5000, newcomers: 10 };

it('the biggest course has a tenth of all enrollments, with few courses and with many', () => {
  for (const courses of [100, 20_000]) {
    const rows = layOut({ courses, enrollments: 100_000, newcomers: 0 });
    const biggest = rows.enrollmentsOf[rows.hotCourse - 1]!;
    expect(rows.enrollmentsOf.reduce((sum, one) => sum + one, 0)).toBe(100_000);
    expect(biggest).toBe(Math.max(...rows.enrollmentsOf));
    expect(biggest / 100_000).toBeCloseTo(0.1, 1);
  }
});

it('no student is twice in a course, no newcomer is in one, and the stored counts are exact', () => {
  const [users, courses, enrollments] = tablesOf(layOut(size)).map(table => [...table.rows()]);
  const pairs = enrollments!.map(([, course, student]) => [course, student].join());
  const newcomers = users!.slice(-size.newcomers).map(([id]) => id);
  expect(new Set(pairs).size).toBe(size.enrollments);
  expect(enrollments!.filter(([, , student]) => newcomers.includes(student))).toEqual([]);
  const counts = Map.groupBy(enrollments!, ([, course]) => course);
  for (const [id, , , , , , total, active] of courses!) {
    const own = counts.get(id) ?? [];
    expect([total, active]).toEqual([own.length, own.filter(([, , , status]) => status === 'active').length]);
  }
});
