import { deepEqual, ok } from 'node:assert/strict';
import { strategy } from '../../support/databases.js';
import type { Arena } from '../arena.js';
import { codesOf, times, type Scenario } from '../scenario.js';

/** The races of changes to the same enrollment. */
export const oneRow: readonly Scenario[] = [
  {
    name: '16 removers of one enrollment',
    plain: true,
    async run(arena) {
      const course = await arena.course();
      const [enrollment] = (await arena.enrollments(course, 1)) as [number];
      const race = await arena.race(times(16, () => ({ name: 'unenroll', enrollment })));
      deepEqual(codesOf(race), { done: 1, NOT_FOUND: 15 });
      deepEqual(await arena.counts(course), [0, 0]);
      return race;
    },
  },
  {
    name: 'a remover against a mover',
    async run(arena) {
      const [from, to] = (await arena.courses(2)) as [number, number];
      const enrollments = await arena.enrollments(from, 12);
      const race = await arena.race(
        enrollments.flatMap(enrollment => [
          { name: 'unenroll' as const, enrollment },
          { name: 'transfer' as const, enrollment, course: to },
        ]),
      );
      enrollments.forEach((_, index) => {
        const [removed, moved] = [race.results[2 * index]!.code, race.results[2 * index + 1]!.code];
        ok(removed === 'done' && ['done', 'NOT_FOUND'].includes(moved), `removed: ${removed}, moved: ${moved}`);
      });
      deepEqual(
        [await arena.counts(from), await arena.counts(to)],
        [
          [0, 0],
          [0, 0],
        ],
      );
      return race;
    },
  },
  {
    name: 'two movers of one row to different courses',
    async run(arena) {
      const [from, left, right] = (await arena.courses(3)) as [number, number, number];
      const enrollments = await arena.enrollments(from, 12);
      const race = await arena.race(
        enrollments.flatMap(enrollment =>
          [left, right].map(course => ({ name: 'transfer' as const, enrollment, course })),
        ),
      );
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
      const [a, b] = (await arena.courses(2)) as [number, number];
      const [inA, inB] = [await arena.enrollments(a, 12), await arena.enrollments(b, 12)];
      const race = await arena.race(
        inA.flatMap((enrollment, index) => [
          { name: 'transfer' as const, enrollment, course: b },
          { name: 'transfer' as const, enrollment: inB[index]!, course: a },
        ]),
      );
      deepEqual(codesOf(race), { done: 24 });
      deepEqual(
        [await arena.counts(a), await arena.counts(b)],
        [
          [12, 12],
          [12, 12],
        ],
      );
      return race;
    },
  },
  {
    name: 'a status change against a remove',
    plain: true,
    async run(arena) {
      const course = await arena.course();
      const enrollments = await arena.enrollments(course, 12);
      const race = await arena.race(
        enrollments.flatMap(enrollment => [
          { name: 'setStatus' as const, enrollment, status: 'dropped' },
          { name: 'unenroll' as const, enrollment },
        ]),
      );
      enrollments.forEach((_, index) => {
        const [changed, removed] = [race.results[2 * index]!.code, race.results[2 * index + 1]!.code];
        ok(removed === 'done' && ['done', 'NOT_FOUND'].includes(changed), `removed: ${removed}, changed: ${changed}`);
      });
      deepEqual(await arena.counts(course), [0, 0]);
      return race;
    },
  },
  {
    name: 'stale entities, removed and moved at once',
    async run(arena) {
      const [from, to] = (await arena.courses(2)) as [number, number];
      const enrollments = await arena.enrollments(from, 8);
      const race = await arena.race(
        enrollments.flatMap(enrollment => [
          { name: 'staleRemove' as const, enrollment },
          { name: 'staleMove' as const, enrollment, course: to },
          { name: 'staleRemove' as const, enrollment },
        ]),
      );
      for (const [index, enrollment] of enrollments.entries()) {
        const [first, moved, second] = race.results.slice(3 * index, 3 * index + 3).map(({ code }) => code);
        // Nobody retries these: a moved row is a conflict, and the remover gets it as an error.
        deepEqual(
          [moved, first === second, ['done', 'COUNTER_CONFLICT'].includes(first!)],
          ['done', true, true],
          `${first}, ${moved}, ${second}`,
        );
        await isWhereTold(arena, enrollment, first === 'done' ? null : to);
      }
      return race;
    },
  },
  {
    name: 'stale entities of rows that others move and remove',
    async run(arena) {
      const [from, to, elsewhere] = (await arena.courses(3)) as [number, number, number];
      const [moved, removed] = [await arena.enrollments(from, 8), await arena.enrollments(from, 8)];
      const race = await arena.race([
        ...moved.flatMap(enrollment => [
          { name: 'staleRemove' as const, enrollment },
          { name: 'transfer' as const, enrollment, course: to },
        ]),
        ...removed.flatMap(enrollment => [
          { name: 'staleMove' as const, enrollment, course: elsewhere },
          { name: 'unenroll' as const, enrollment },
        ]),
      ]);
      for (const [index, enrollment] of moved.entries()) {
        const [stale, mover] = race.results.slice(2 * index).map(({ code }) => code);
        // Triggers see where the row is, so that a moved row can be removed nevertheless.
        const possible = [
          'done, NOT_FOUND',
          ...(strategy === 'triggers' ? ['done, done'] : ['COUNTER_CONFLICT, done']),
        ];
        ok(possible.includes(`${stale}, ${mover}`), `removed: ${stale}, moved: ${mover}`);
        await isWhereTold(arena, enrollment, stale === 'done' ? null : to);
      }
      for (const [index, enrollment] of removed.entries()) {
        const [stale, remover] = race.results.slice(16 + 2 * index).map(({ code }) => code);
        deepEqual([stale, remover], ['done', 'done']);
        await isWhereTold(arena, enrollment, null);
      }
      return race;
    },
  },
];

async function isWhereTold(arena: Arena, enrollment: number, course: number | null): Promise<void> {
  deepEqual(await arena.courseOf(enrollment), course);
}
