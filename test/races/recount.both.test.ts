import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verify } from 'mikro-orm-counters';
import { Course, Role, RunStatus, type EnrollmentStatus } from '../../src/entities/index.js';
import { changesOf, recountAll, readRun } from '../support/drift.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { openArena, type Arena } from './arena.js';
import type { Operation } from './operations.js';
import type { Race } from './racers.js';
import type { Word } from './recount-worker.ts';

const COURSES = 40;
const DRIFT = 7;
const KILLS = 2;

describeOnEach('verify and recount beside writers in four processes', kind => {
  let arena: Arena;
  let courses: number[];

  beforeAll(async () => {
    arena = await openArena(kind);
    courses = await addCourses(
      arena.database,
      Array.from({ length: COURSES }, () => ({})),
    );
  });
  afterAll(() => arena.stop());

  /** Prepares writers of every kind on all courses. */
  async function writers(): Promise<Operation[]> {
    const students = await addUsers(arena.database, Role.STUDENT, 12);
    const pairs = courses
      .slice(0, 30)
      .flatMap((course, index) =>
        students
          .slice(6, 10)
          .map(student => ({ course, student, status: (index % 2 ? 'active' : 'dropped') as EnrollmentStatus })),
      );
    const made = await addEnrollments(arena.database, pairs);
    return [
      ...courses.flatMap(course => students.slice(0, 6).map(user => ({ name: 'enroll' as const, course, user }))),
      ...students.slice(10).map(user => ({ name: 'flushMany' as const, user, courses })),
      ...made.map(
        (enrollment, index): Operation =>
          [
            { name: 'unenroll' as const, enrollment },
            { name: 'setStatus' as const, enrollment, status: index % 4 ? 'completed' : 'active' },
            { name: 'transfer' as const, enrollment, course: courses[30 + (Math.floor(index / 4) % 10)]! },
          ][index % 3]!,
      ),
    ];
  }

  /** Adds to the stored counts of all courses, bypassing the counters. */
  async function makeDrift(): Promise<void> {
    await arena.database.em
      .fork()
      .transactional(em =>
        em.execute(
          `update core_course set total_enrollments = total_enrollments + ${DRIFT}, active_enrollments = active_enrollments + ${DRIFT}`,
        ),
      );
  }

  /** Repeats some work while the writers write. */
  async function during(operations: readonly Operation[], work: () => Promise<void>): Promise<Race> {
    let over = false;
    const racing = arena.race(operations).finally(() => {
      over = true;
    });
    const working = (async () => {
      do await work();
      while (!over);
    })();
    return (await Promise.all([racing, working]))[0];
  }

  function expectUndisturbed({ results, retries }: Race): void {
    expect(results.filter(({ code }) => code !== 'done')).toEqual([]);
    expect(results.filter(({ conflict }) => conflict)).toEqual([]);
    expect(retries).toBe(0);
  }

  it('verify beside writers in four processes raises no false alarm', async () => {
    const operations = await writers();
    let [checked, rounds] = [0, 0];
    const race = await during(operations, async () => {
      rounds += 1;
      for await (const chunk of verify(arena.database.em.fork(), Course, {
        batchSize: rounds % 2 ? undefined : 7,
      })) {
        expect(chunk.drifts).toEqual([]);
        checked += chunk.checked;
      }
    });
    expect(checked).toBe(rounds * COURSES);
    expect(rounds).toBeGreaterThan(3);
    expectUndisturbed(race);
    expect(await arena.drifting()).toEqual([]);
  });

  it('a recount beside writers in four processes leaves no drift, loses no update, and no deadlock reaches a writer', async () => {
    const operations = await writers();
    await makeDrift();
    const before = await arena.deadlocks();
    const repaired: number[] = [];
    const race = await during(operations, async () => {
      repaired.push((await recountAll(arena.database, { batchSize: repaired.length % 2 ? 7 : undefined })).repaired);
    });
    // A recount that lost an update of a writer would have left drift for the next one, or for the end.
    expect(repaired).toEqual([COURSES, ...repaired.slice(1).map(() => 0)]);
    expect(await arena.drifting()).toEqual([]);
    expect((await arena.deadlocks()) - before).toBe(0);
    expectUndisturbed(race);
  });

  it('a recount that is killed again and again, and resumed, repairs and records each course once', async () => {
    const operations = await writers();
    await makeDrift();
    const told: Word[] = [];
    let id: number | undefined;
    let kills = 0;
    let worker = startRecounter();
    for (let ended = false; !ended;) {
      const racing = arena.race(operations.filter((_, index) => index % (KILLS + 1) === kills));
      const words = await killedAfter(worker, kills < KILLS ? 1 : Infinity, id);
      expectUndisturbed(await racing);
      told.push(...words);
      id ??= words.flatMap(word => (word.kind === 'run' ? word.id : []))[0]!;
      ended = words.some(word => word.kind === 'end');
      if (ended) break;
      kills += 1;
      // It loads the program while the killed one's lease expires.
      worker = startRecounter();
      while (!(await readRun(arena.database, id)).interrupted) await delay(50);
    }
    expect(kills).toBe(KILLS);
    expect(await readRun(arena.database, id!)).toMatchObject({
      status: RunStatus.SUCCEEDED,
      total: COURSES,
      checked: COURSES,
      drifted: COURSES,
      repaired: COURSES,
    });
    const changes = await changesOf(arena.database, { id: id! });
    expect(changes.map(({ counter, courseId }) => [courseId, counter])).toEqual(
      courses.flatMap(course => [
        [course, 'Course.totalEnrollments'],
        [course, 'Course.activeEnrollments'],
      ]),
    );
    expect(changes.map(({ before, after }) => before - after)).toEqual(changes.map(() => DRIFT));
    // Each reported change was committed; the last committed change before a kill may not have been reported.
    const known = new Set(changes.map(change => JSON.stringify(change)));
    expect(told.filter(word => word.kind === 'change' && !known.has(JSON.stringify(word.change)))).toEqual([]);
    expect(await arena.drifting()).toEqual([]);
  });

  /** Starts a process that waits to be told to run a recount. */
  function startRecounter(): ChildProcess {
    const program = fileURLToPath(new URL('recount-worker.ts', import.meta.url));
    return fork(program, [arena.url], { execArgv: ['--disable-warning=ExperimentalWarning'] });
  }

  /** Runs a recount, or resumes one, in a process that is killed soon after this many changes; returns its messages. */
  async function killedAfter(child: ChildProcess, changes: number, id: number | undefined): Promise<Word[]> {
    const words: Word[] = [];
    child.on('message', (word: Word) => {
      words.push(word);
      if (words.filter(({ kind: what }) => what === 'change').length === changes)
        setTimeout(() => child.kill('SIGKILL'), Math.random() * 9);
    });
    child.send({ id });
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal ?? code).toBe(changes === Infinity ? 0 : 'SIGKILL');
    return words;
  }
});
