import { deepEqual, ok } from 'node:assert/strict';
import { EnrollmentStatus } from '../../../src/entities/index.js';
import type { Arena } from '../arena.js';
import type { Operation } from '../operations.js';
import { codesOf, successCount, importOf, refusalsOf, shuffled, mergeRaces, type Scenario } from '../scenario.js';

/** Returns one operation for each racer, each of whom wants one seat. */
type Way = (arena: Arena, course: number, racers: number) => Promise<Operation[]>;

const ways: Readonly<Record<string, Way>> = {
  enroll: async (arena, course, racers) =>
    (await arena.students(racers)).map(user => ({ name: 'enroll', course, user })),
  enrollMany: async (arena, course, racers) =>
    (await arena.students(racers)).map(user => ({ name: 'enrollMany', course, users: [user] })),
  reactivation: async (arena, course, racers) =>
    (await arena.enrollments(course, racers, EnrollmentStatus.DROPPED)).map(enrollment => ({
      name: 'setStatus',
      enrollment,
      status: 'active',
    })),
  'moving in': async (arena, course, racers) =>
    (await arena.enrollments(await arena.course(), racers)).map(enrollment => ({
      name: 'transfer',
      enrollment,
      course,
    })),
  import: async (arena, course, racers) => (await arena.students(racers)).map(user => importOf(course, user)),
};

/** The races for seats and into courses that close. */
export const seats: readonly Scenario[] = [
  ...Object.entries(ways).map(([name, way]): Scenario => ({
    name: `100 racers for the last seat by ${name}`,
    plain: true,
    async run(arena) {
      const course = await arena.course(3);
      await arena.enrollments(course, 2);
      const race = await arena.race(await way(arena, course, 100));
      deepEqual([successCount(race), refusalsOf(race)], [1, { COURSE_FULL: 99 }]);
      deepEqual((await arena.counts(course))![1], 3);
      return race;
    },
  })),
  {
    name: 'the last 5 seats, by every way in',
    plain: true,
    async run(arena) {
      const course = await arena.course(5);
      const many = await arena.students(24);
      const single = await Promise.all(Object.values(ways).map(way => way(arena, course, 6)));
      const race = await arena.race(
        shuffled<Operation>([
          ...single.flat(),
          { name: 'enrollMany', course, users: many.slice(0, 6) },
          { name: 'enrollMany', course, users: many.slice(6, 12) },
          importOf(course, ...many.slice(12, 18)),
          importOf(course, ...many.slice(18)),
        ]),
      );
      deepEqual([successCount(race), refusalsOf(race)], [5, { COURSE_FULL: 49 }]);
      deepEqual((await arena.counts(course))![1], 5);
      return race;
    },
  },
  {
    name: 'courses that close against students who enroll',
    plain: true,
    async run(arena) {
      const [archived, hidden] = (await arena.courses(2)) as [number, number];
      const enrolling = async (count: number): Promise<Operation[]> => {
        const users = await arena.students(count);
        return [archived, hidden].flatMap(course => users.map(user => ({ name: 'enroll' as const, course, user })));
      };
      const race = await arena.race([
        ...(await enrolling(8)),
        { name: 'updateCourse', course: archived, status: 'archived' },
        { name: 'updateCourse', course: hidden, isPublished: false },
        ...(await enrolling(8)),
      ]);
      const codes = race.results.map(({ code }) => code);
      ok(
        codes.every(code => ['done', 'COURSE_CLOSED', 'NOT_FOUND'].includes(code)),
        JSON.stringify(codes),
      );
      deepEqual(codes.slice(16, 18), ['done', 'done']);
      const inside = [(await arena.counts(archived))![0]!, (await arena.counts(hidden))![0]!];
      deepEqual(inside[0]! + inside[1]! + 2, codesOf(race)['done']);
      const late = await arena.race(await enrolling(8));
      deepEqual(codesOf(late), { COURSE_CLOSED: 8, NOT_FOUND: 8 });
      return mergeRaces(race, late);
    },
  },
];
