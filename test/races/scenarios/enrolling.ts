import { deepEqual } from 'node:assert/strict';
import type { Arena } from '../arena.js';
import type { Race } from '../racers.js';
import { codesOf, successCount, importOf, refusalsOf, times, shuffled, type Scenario } from '../scenario.js';

/** The races of enrollments of different students, and of the same student. */
export const enrolling: readonly Scenario[] = [
  { name: '32 enrollers on one course', plain: true, run: arena => enrollers(arena, 32) },
  { name: '64 enrollers on one course', plain: true, run: arena => enrollers(arena, 64) },
  {
    name: '50 racers who enroll the same student',
    plain: true,
    async run(arena) {
      const [course, user] = [await arena.course(), await arena.student()];
      const race = await arena.race(times(50, () => ({ name: 'enroll', course, user })));
      deepEqual(codesOf(race), { done: 1, ALREADY_ENROLLED: 49 });
      deepEqual(await arena.counts(course), [1, 1]);
      return race;
    },
  },
  {
    name: '50 racers who enroll the same student, by every way in',
    plain: true,
    async run(arena) {
      const [course, user] = [await arena.course(), await arena.student()];
      const race = await arena.race(
        shuffled([
          ...times(20, () => ({ name: 'enroll' as const, course, user })),
          ...times(15, () => ({ name: 'enrollMany' as const, course, users: [user] })),
          ...times(15, () => importOf(course, user)),
        ]),
      );
      deepEqual([successCount(race), refusalsOf(race)], [1, { ALREADY_ENROLLED: 49 }]);
      deepEqual(await arena.counts(course), [1, 1]);
      return race;
    },
  },
  {
    name: 'flushes over many courses in random order',
    plain: true,
    async run(arena) {
      const courses = await arena.courses(10);
      const users = await arena.students(24);
      const race = await arena.race(users.map(user => ({ name: 'flushMany', user, courses: shuffled(courses) })));
      deepEqual(codesOf(race), { done: 24 });
      for (const course of courses) deepEqual(await arena.counts(course), [24, 24]);
      return race;
    },
  },
];

async function enrollers(arena: Arena, count: number): Promise<Race> {
  const course = await arena.course();
  const race = await arena.race((await arena.students(count)).map(user => ({ name: 'enroll', course, user })));
  deepEqual(codesOf(race), { done: count });
  deepEqual(await arena.counts(course), [count, count]);
  return race;
}
