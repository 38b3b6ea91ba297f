import { deepEqual, ok } from 'node:assert/strict';
import { codesOf, importOf, shuffled, type Scenario } from '../scenario.js';
import type { Operation } from '../operations.js';

/** The races against the deletion of a course or of a user. */
export const deleting: readonly Scenario[] = [
  {
    name: 'a course deletion against enrollers',
    async run(arena) {
      const course = await arena.course();
      await arena.enrollments(course, 4);
      const users = await arena.students(16);
      const race = await arena.race(
        [...users.slice(8), -1, ...users.slice(0, 8)].map(user =>
          user === -1 ? { name: 'deleteCourse', course } : { name: 'enroll', course, user },
        ),
      );
      const { done = 0, NOT_FOUND: late = 0 } = codesOf(race);
      deepEqual([race.results[8]!.code, done + late], ['done', 17]);
      deepEqual(await arena.counts(course), undefined);
      return race;
    },
  },
  {
    name: 'a course deletion, asked for twice, against every way in and out',
    async run(arena) {
      const [course, other] = (await arena.courses(2)) as [number, number];
      const [leaving, coming] = [await arena.enrollments(course, 4), await arena.enrollments(other, 4)];
      const [[dropped], [removed]] = [await arena.enrollments(course, 1), await arena.enrollments(course, 1)] as [
        [number],
        [number],
      ];
      const [one, two, three, four, five] = (await arena.students(5)) as [number, number, number, number, number];
      const moves: Operation[] = [
        ...leaving.map(enrollment => ({ name: 'transfer' as const, enrollment, course: other })),
        ...coming.map(enrollment => ({ name: 'transfer' as const, enrollment, course })),
      ];
      const race = await arena.race([
        ...moves.slice(0, 4),
        { name: 'enroll', course, user: one },
        { name: 'deleteCourse', course },
        { name: 'deleteCourse', course },
        { name: 'enrollMany', course, users: [two, three] },
        importOf(course, four, five),
        { name: 'setStatus', enrollment: dropped, status: 'dropped' },
        { name: 'unenroll', enrollment: removed },
        ...moves.slice(4),
      ]);
      const codes = race.results.map(({ code }) => code);
      ok(
        codes.every(code => ['done', 'NOT_FOUND', 'UNKNOWN_COURSE'].includes(code)),
        JSON.stringify(codes),
      );
      deepEqual(codes.slice(5, 7).toSorted(), ['NOT_FOUND', 'done']);
      const [left, came] = [codes.slice(0, 4), codes.slice(11)].map(
        some => some.filter(code => code === 'done').length,
      ) as [number, number];
      deepEqual(
        [await arena.counts(course), await arena.counts(other)],
        [undefined, [4 + left - came, 4 + left - came]],
      );
      return race;
    },
  },
  {
    name: 'a user deletion, asked for twice, against everything',
    async run(arena) {
      const courses = await arena.courses(9);
      const [user, friend] = (await arena.students(2)) as [number, number];
      const [moved, changed, removed, left] = (await Promise.all(
        courses.slice(0, 4).map(course => arena.enrollment(course, user)),
      )) as [number, number, number, number];
      const race = await arena.race([
        { name: 'deleteUser', user },
        ...shuffled<Operation>([
          { name: 'enroll', course: courses[4]!, user },
          { name: 'enrollMany', course: courses[5]!, users: [user, friend] },
          importOf(courses[6]!, user, friend),
          importOf(courses[7]!, friend, user),
          { name: 'transfer', enrollment: moved, course: courses[8]! },
          { name: 'setStatus', enrollment: changed, status: 'dropped' },
          { name: 'unenroll', enrollment: removed },
          { name: 'staleRemove', enrollment: left },
          { name: 'deleteCourse', course: courses[3]! },
        ]),
        { name: 'deleteUser', user },
      ]);
      const known = ['done', 'NOT_FOUND', 'UNKNOWN_STUDENT'];
      ok(
        race.results.every(({ code }) => known.includes(code)),
        JSON.stringify(race.results),
      );
      deepEqual([race.results[0]!.code, race.results.at(-1)!.code].toSorted(), ['NOT_FOUND', 'done']);
      const withFriend = [5, 6, 7];
      for (const [index, course] of courses.entries())
        deepEqual(await arena.counts(course), index === 3 ? undefined : withFriend.includes(index) ? [1, 1] : [0, 0]);
      return race;
    },
  },
  {
    name: '12 user deletions against their enrollers, by every way in',
    async run(arena) {
      const [a, b, c] = (await arena.courses(3)) as [number, number, number];
      const users = await arena.students(12);
      const race = await arena.race(
        shuffled(
          users.flatMap((user): Operation[] => [
            { name: 'enroll', course: a, user },
            { name: 'enrollMany', course: b, users: [user] },
            importOf(c, user),
            { name: 'deleteUser', user },
          ]),
        ),
      );
      const known = ['done', 'NOT_FOUND', 'UNKNOWN_STUDENT'];
      ok(
        race.results.every(({ code }) => known.includes(code)),
        JSON.stringify(codesOf(race)),
      );
      for (const course of [a, b, c]) deepEqual(await arena.counts(course), [0, 0]);
      return race;
    },
  },
];
