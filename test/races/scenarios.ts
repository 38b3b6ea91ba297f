import { deepEqual, ok } from 'node:assert/strict';
import type { Arena } from './arena.js';
import type { Race } from './racers.js';

/** Is one race: what is set up, what the racers do, and what must be true of it beyond exact counts. */
export interface Scenario {
  readonly name: string;
  /** Tells that no writer may ever have to run a transaction again. */
  readonly plain?: true;
  run(arena: Arena): Promise<Race>;
}

/** Lists the races that counter caches lose elsewhere. */
export const scenarios: readonly Scenario[] = [
  { name: '32 enrollers on one course', plain: true, run: arena => enrollers(arena, 32) },
  { name: '64 enrollers on one course', plain: true, run: arena => enrollers(arena, 64) },
  {
    name: '16 removers of one enrollment',
    plain: true,
    async run(arena) {
      const course = await arena.course();
      const enrollment = await arena.enrollment(course);
      const race = await arena.race(repeat(16, () => ({ name: 'unenroll', enrollment })));
      deepEqual(codesOf(race), { done: 1, NOT_FOUND: 15 });
      deepEqual(await arena.counts(course), [0, 0]);
      return race;
    },
  },
  {
    name: 'a remover against a mover',
    async run(arena) {
      const [from, to] = [await arena.course(), await arena.course()];
      const enrollments = await Promise.all(repeat(12, () => arena.enrollment(from)));
      const race = await arena.race(enrollments.flatMap(enrollment => [{ name: 'unenroll' as const, enrollment }, { name: 'transfer' as const, enrollment, course: to }]));
      enrollments.forEach((_, index) => {
        const [removed, moved] = [race.results[2 * index]!.code, race.results[2 * index + 1]!.code];
        ok(removed === 'done' && ['done', 'NOT_FOUND'].includes(moved), `removed: ${removed}, moved: ${moved}`);
      });
      deepEqual([await arena.counts(from), await arena.counts(to)], [[0, 0], [0, 0]]);
      return race;
    },
  },
  {
    name: 'two movers of one row to different courses',
    async run(arena) {
      const [from, left, right] = [await arena.course(), await arena.course(), await arena.course()];
      const enrollments = await Promise.all(repeat(12, () => arena.enrollment(from)));
      const race = await arena.race(enrollments.flatMap(enrollment => [left, right].map(course => ({ name: 'transfer' as const, enrollment, course }))));
      deepEqual(codesOf(race), { done: 24 });
      const [[inLeft], [inRight]] = [(await arena.counts(left))!, (await arena.counts(right))!];
      deepEqual([await arena.counts(from), inLeft! + inRight!], [[0, 0], 12]);
      return race;
    },
  },
  {
    name: 'opposite moves between two courses',
    plain: true,
    async run(arena) {
      const [a, b] = [await arena.course(), await arena.course()];
      const inA = await Promise.all(repeat(12, () => arena.enrollment(a)));
      const inB = await Promise.all(repeat(12, () => arena.enrollment(b)));
      const race = await arena.race(inA.flatMap((enrollment, index) => [{ name: 'transfer' as const, enrollment, course: b }, { name: 'transfer' as const, enrollment: inB[index]!, course: a }]));
      deepEqual(codesOf(race), { done: 24 });
      deepEqual([await arena.counts(a), await arena.counts(b)], [[12, 12], [12, 12]]);
      return race;
    },
  },
  {
    name: 'a status change against a remove',
    plain: true,
    async run(arena) {
      const course = await arena.course();
      const enrollments = await Promise.all(repeat(12, () => arena.enrollment(course)));
      const race = await arena.race(enrollments.flatMap(enrollment => [{ name: 'setStatus' as const, enrollment, status: 'dropped' }, { name: 'unenroll' as const, enrollment }]));
      enrollments.forEach((_, index) => deepEqual(race.results[2 * index + 1]!.code, 'done'));
      deepEqual(await arena.counts(course), [0, 0]);
      return race;
    },
  },
  {
    name: 'a course deletion against enrollers',
    async run(arena) {
      const course = await arena.course();
      await Promise.all(repeat(4, () => arena.enrollment(course)));
      const users = await arena.students(16);
      const race = await arena.race([...users.slice(8), -1, ...users.slice(0, 8)].map(user => (user === -1 ? { name: 'deleteCourse', course } : { name: 'enroll', course, user })));
      const { done = 0, NOT_FOUND: late = 0 } = codesOf(race);
      deepEqual([race.results[8]!.code, done + late], ['done', 17]);
      deepEqual(await arena.counts(course), undefined);
      return race;
    },
  },
  {
    name: 'a user deletion against everything',
    async run(arena) {
      const courses = await Promise.all(repeat(6, () => arena.course()));
      const user = await arena.student();
      const [moved, changed, removed] = await Promise.all(courses.slice(0, 3).map(course => arena.enrollment(course, user)));
      const race = await arena.race([
        { name: 'enroll', course: courses[3]!, user },
        { name: 'enroll', course: courses[4]!, user },
        { name: 'transfer', enrollment: moved!, course: courses[5]! },
        { name: 'setStatus', enrollment: changed!, status: 'dropped' },
        { name: 'unenroll', enrollment: removed! },
        { name: 'deleteUser', user },
      ]);
      const known = ['done', 'NOT_FOUND'];
      ok(race.results.every(({ code }) => known.includes(code)), JSON.stringify(race.results));
      deepEqual(race.results[5]!.code, 'done');
      for (const course of courses) deepEqual(await arena.counts(course), [0, 0]);
      return race;
    },
  },
  {
    name: 'flushes over many courses in random order',
    plain: true,
    async run(arena) {
      const courses = await Promise.all(repeat(10, () => arena.course()));
      const users = await arena.students(24);
      const race = await arena.race(users.map(user => ({ name: 'flushMany', user, courses: shuffled(courses) })));
      deepEqual(codesOf(race), { done: 24 });
      for (const course of courses) deepEqual(await arena.counts(course), [24, 24]);
      return race;
    },
  },
  {
    name: '100 racers for the last seat',
    plain: true,
    async run(arena) {
      const course = await arena.course(3);
      await Promise.all(repeat(2, () => arena.enrollment(course)));
      const race = await arena.race((await arena.students(100)).map(user => ({ name: 'enroll', course, user })));
      deepEqual(codesOf(race), { done: 1, COURSE_FULL: 99 });
      deepEqual(await arena.counts(course), [3, 3]);
      return race;
    },
  },
  {
    name: 'the last seats, by every way in',
    async run(arena) {
      const [course, other] = [await arena.course(5), await arena.course()];
      const dropped = await Promise.all(repeat(6, () => arena.enrollment(course, undefined, 'dropped')));
      const elsewhere = await Promise.all(repeat(6, () => arena.enrollment(other)));
      const [users, more] = [await arena.students(6), await arena.students(12)];
      const race = await arena.race([
        ...users.map(user => ({ name: 'enroll' as const, course, user })),
        ...dropped.map(enrollment => ({ name: 'setStatus' as const, enrollment, status: 'active' })),
        ...elsewhere.map(enrollment => ({ name: 'transfer' as const, enrollment, course })),
        { name: 'enrollMany', course, users: more.slice(0, 6) },
        { name: 'enrollMany', course, users: more.slice(6) },
      ]);
      const single = race.results.slice(0, 18).filter(({ code }) => code === 'done').length;
      const many = race.results.slice(18).reduce((sum, { added }) => sum + added!, 0);
      deepEqual([single + many, (await arena.counts(course))![1]], [5, 5]);
      return race;
    },
  },
  {
    name: '50 racers who enroll the same student',
    plain: true,
    async run(arena) {
      const [course, user] = [await arena.course(), await arena.student()];
      const race = await arena.race(repeat(50, () => ({ name: 'enroll', course, user })));
      deepEqual(codesOf(race), { done: 1, ALREADY_ENROLLED: 49 });
      deepEqual(await arena.counts(course), [1, 1]);
      return race;
    },
  },
  {
    name: 'stale entities, removed and moved at once',
    async run(arena) {
      const [from, to] = [await arena.course(), await arena.course()];
      const enrollments = await Promise.all(repeat(8, () => arena.enrollment(from)));
      const race = await arena.race(
        enrollments.flatMap(enrollment => [
          { name: 'staleRemove' as const, enrollment },
          { name: 'staleMove' as const, enrollment, course: to },
          { name: 'staleRemove' as const, enrollment },
        ]),
      );
      // Nobody retries these: a row that has moved is a conflict, and the caller is told so.
      const known = ['done', 'NOT_FOUND', 'COUNTER_CONFLICT'];
      ok(race.results.every(({ code }) => known.includes(code)), JSON.stringify(codesOf(race)));
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

function codesOf({ results }: Race): Record<string, number> {
  const codes: Record<string, number> = {};
  for (const { code } of results) codes[code] = (codes[code] ?? 0) + 1;
  return codes;
}

function repeat<Value>(count: number, make: () => Value): Value[] {
  return Array.from({ length: count }, make);
}

function shuffled<Value>(values: readonly Value[]): Value[] {
  return values.map(value => ({ value, place: Math.random() })).sort((a, b) => a.place - b.place).map(({ value }) => value);
}
