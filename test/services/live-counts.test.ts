import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { LiveCounts, type CourseCountsSubscription } from '../../src/services/live-counts/index.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { past } from '../support/place-on.js';
import { addCourses } from '../support/rows.js';
import { steppedPace } from '../support/stepped-pace.js';

/** Is what one subscriber was told last of each course: its total, or null of one that is gone. */
type Told = Map<number, number | null>;

async function listen(subscription: CourseCountsSubscription, told: Told): Promise<void> {
  for await (const change of subscription) {
    if (change instanceof Error) throw change;
    told.set(change.courseId, change.course?.totalEnrollments ?? null);
  }
}

/** Lets others go on so many times. */
async function takeTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await null;
}

describeOnEach('live counts', kind => {
  it('leave nobody with old ones, whenever they subscribe: before, during and after looks, as counts change and courses come and go', async ({ onTestFinished }) => {
    const { database, drop } = await freshDatabase(kind);
    onTestFinished(drop);
    const pace = steppedPace();
    const counts = new LiveCounts(database, error => expect(error).toBeNull(), pace);
    const courses = await addCourses(database, Array.from({ length: 12 }, () => ({})));
    const [shown, brief] = [courses.slice(0, 6), courses.slice(6)];
    const listeners: { named: readonly number[] | null; told: Told }[] = [];
    const subscriptions: Promise<void>[] = [];
    const subscribe = async (named: readonly number[] | null): Promise<void> => {
      const told: Told = new Map();
      const subscription = await counts.subscribe({ protocol: 'sse', viewer: null, expiresAt: null }, named);
      listeners.push({ named, told });
      void listen(subscription, told);
    };
    for (let step = 0; step < 120; step += 1) {
      const course = shown[step % 6]!;
      subscriptions.push(subscribe(step % 4 === 3 ? null : [course, shown[(step * 5 + 1) % 6]!]));
      pace.goOn();
      const write = past(database, `update core_course set total_enrollments = ${step + 1} where id = ${course}`);
      for (let turn = 0; turn < step % 5; turn += 1) await setImmediate();
      pace.goOn();
      if (step % 20 === 19) await past(database, `delete from core_course where id = ${brief[(step - 19) / 20]}`);
      if (step % 20 === 10) await addCourses(database, [{}]);
      await write;
    }
    await Promise.all(subscriptions);
    await pace.tick();
    await pace.tick();
    await setImmediate();
    const rows = await database.em.getConnection().execute<{ id: number; total: number }[]>('select id, total_enrollments as total from core_course');
    const now = new Map(rows.map(({ id, total }) => [id, total]));
    expect(listeners).toHaveLength(120);
    for (const { named, told } of listeners) {
      const left = [...told].filter(([id, total]) => total !== null || now.has(id));
      expect(new Map(left)).toEqual(named ? new Map(named.map(id => [id, now.get(id)])) : now);
    }
    counts.end();
  });

  it('of a change during a look are told to who subscribes during that look, before or after it is read', async ({ onTestFinished }) => {
    const { database, drop } = await freshDatabase(kind);
    onTestFinished(drop);
    const pace = steppedPace();
    const counts = new LiveCounts(database, error => expect(error).toBeNull(), pace);
    const turns = [0, 3, 6, 9, 12, 15, 18, 21, 24, 30, 36, 42];
    const courses = await addCourses(database, turns.flatMap(() => turns.map(() => ({}))));
    const subscribe = async (named: readonly number[]): Promise<Told> => {
      const told: Told = new Map();
      const subscription = await counts.subscribe({ protocol: 'sse', viewer: null, expiresAt: null }, named);
      void listen(subscription, told);
      return told;
    };
    const all = await subscribe(courses);
    const each: Told[] = [];
    for (const [index, course] of courses.entries()) {
      pace.goOn();
      await takeTurns(turns[index % turns.length]!);
      const subscribing = subscribe([course]);
      await takeTurns(turns[Math.floor(index / turns.length)]!);
      await past(database, `update core_course set total_enrollments = 1 where id = ${course}`);
      each.push(await subscribing);
      while (!pace.isAwaited) await setImmediate();
    }
    await pace.tick();
    await pace.tick();
    await setImmediate();
    expect([[...all.values()].every(total => total === 1), each.flatMap(told => [...told.values()])]).toEqual([true, courses.map(() => 1)]);
    counts.end();
  });
});
