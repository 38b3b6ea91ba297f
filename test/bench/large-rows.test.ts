import { expect, it } from 'vitest';
import { largeRows } from '../../bench/rows/large-rows.ts';

it('a large school has exact stored counts, each student once in a course, and the largest course with a tenth', () => {
  const large = largeRows({ courses: 300, enrollments: 20_000 });
  const [users, courses, enrollments] = large.tables.map(table => [...table.rows()]);
  expect(new Set(enrollments!.map(([, course, student]) => [course, student].join())).size).toBe(20_000);
  const known = new Set(users!.map(([id]) => id));
  expect(enrollments!.filter(([, , student]) => !known.has(student))).toEqual([]);
  const counts = Map.groupBy(enrollments!, ([, course]) => course);
  for (const [id, , , , , , total, active] of courses!) {
    const own = counts.get(id) ?? [];
    expect([total, active]).toEqual([own.length, own.filter(([, , , status]) => status === 'active').length]);
  }
  expect(counts.get(large.largestCourse)!.length / 20_000).toBeCloseTo(0.1, 1);
  expect(courses!.filter(([, , , , , instructor]) => instructor === large.teacherOfMany)).toHaveLength(30);
});
