import { setImmediate } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import {
  CourseCountsSubscription,
  LiveCounts,
  MAX_COURSES_OF_SUBSCRIPTION,
  quotaLimits,
} from '../../src/live-counts/index.js';
import type { CourseRow } from '../../src/reading/index.js';
import { promptly, waitUntil } from '../support/wait.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { subscriberAt } from '../support/subscribers.js';
import { bypassCounters } from '../support/place-on.js';
import { addCourses } from '../support/rows.js';
import { summarize, statementsOf } from '../support/statements.js';
import { steppedClock } from '../support/stepped-clock.js';
import { numberKey } from '../support/keys.js';

/** The last message of one subscriber about each course: its total, or null if it is deleted. */
type Told = Map<number, number | null>;

async function listen(subscription: CourseCountsSubscription, told: Told): Promise<void> {
  for await (const change of subscription) {
    if (change instanceof Error) throw change;
    told.set(numberKey(change.courseId), change.course?.totalEnrollments ?? null);
  }
}

/** Yields this many times. */
async function takeTurns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

/** Returns live counts of an empty database, which look when the test says so. */
async function started(kind: DatabaseKind) {
  const { database, drop } = await freshDatabase(kind);
  onTestFinished(drop);
  const clock = steppedClock();
  return {
    database,
    clock,
    counts: new LiveCounts(database, error => expect(error).toBeNull(), clock, quotaLimits(5000)),
  };
}

describeOnEach('live counts', kind => {
  it('live counts leave nobody with old ones, whenever they subscribe: before, during and after looks, as counts change and courses come and go', async () => {
    const { database, clock, counts } = await started(kind);
    const courses = await addCourses(
      database,
      Array.from({ length: 12 }, () => ({})),
    );
    const [shown, brief] = [courses.slice(0, 6), courses.slice(6)];
    const subscribers: { named: readonly number[] | null; told: Told }[] = [];
    const subscriptions: Promise<void>[] = [];
    const subscribe = async (named: readonly number[] | null): Promise<void> => {
      const told: Told = new Map();
      const subscription = await counts.subscribe(subscriberAt(), named);
      subscribers.push({ named, told });
      void listen(subscription, told);
    };
    for (let step = 0; step < 120; step += 1) {
      const course = shown[step % 6]!;
      subscriptions.push(subscribe(step % 4 === 3 ? null : [course, shown[(step * 5 + 1) % 6]!]));
      clock.goOn();
      const write = bypassCounters(
        database,
        `update core_course set total_enrollments = ${step + 1} where id = ${course}`,
      );
      for (let turn = 0; turn < step % 5; turn += 1) await setImmediate();
      clock.goOn();
      if (step % 20 === 19)
        await bypassCounters(database, `delete from core_course where id = ${brief[(step - 19) / 20]}`);
      if (step % 20 === 10) await addCourses(database, [{}]);
      await write;
    }
    await Promise.all(subscriptions);
    await clock.tick();
    await clock.tick();
    await setImmediate();
    const rows = await database.em
      .getConnection()
      .execute<{ id: number; total: number }[]>('select id, total_enrollments as total from core_course');
    const now = new Map(rows.map(({ id, total }) => [id, total]));
    expect(subscribers).toHaveLength(120);
    for (const { named, told } of subscribers) {
      const left = [...told].filter(([id, total]) => total !== null || now.has(id));
      expect(new Map(left)).toEqual(named ? new Map(named.map(id => [id, now.get(id)])) : now);
    }
    counts.end();
  });

  it('live counts send a change during a look to those who subscribe during that look, before or after it is read', async () => {
    const { database, clock, counts } = await started(kind);
    const turns = [0, 3, 6, 9, 12, 15, 18, 21, 24, 30, 36, 42];
    const courses = await addCourses(
      database,
      turns.flatMap(() => turns.map(() => ({}))),
    );
    const subscribe = async (named: readonly number[]): Promise<Told> => {
      const told: Told = new Map();
      const subscription = await counts.subscribe(subscriberAt(), named);
      void listen(subscription, told);
      return told;
    };
    const all = await subscribe(courses);
    const each: Told[] = [];
    for (const [index, course] of courses.entries()) {
      clock.goOn();
      await takeTurns(turns[index % turns.length]!);
      const subscribing = subscribe([course]);
      await takeTurns(turns[Math.floor(index / turns.length)]!);
      await bypassCounters(database, `update core_course set total_enrollments = 1 where id = ${course}`);
      each.push(await subscribing);
      await waitUntil(() => clock.isAwaited, 'The look has not come to its end.');
    }
    await clock.tick();
    await clock.tick();
    await setImmediate();
    expect([[...all.values()].every(total => total === 1), each.flatMap(told => [...told.values()])]).toEqual([
      true,
      courses.map(() => 1),
    ]);
    counts.end();
  });

  it('live counts look 300 ms after the last look, or after four times the shorter of the last two, 5 s at most, and no more where the only subscription ends as it begins', async () => {
    const { database, clock, counts } = await started(kind);
    const subscriber = subscriberAt();
    const [course] = await addCourses(database, [{}]);
    const subscription = await counts.subscribe(subscriber, [course!]);
    let takes = 0;
    database.config.set('onQuery', sql => {
      clock.pass(takes);
      return sql;
    });
    // The 70,000 ms are those of a database that hung, and the 0 after it those of one that failed at once.
    for (takes of [0, 75, 76, 1000, 1100, 5000, 70_000, 76]) await clock.tick();
    expect(clock.pauses).toEqual([300, 300, 300, 300, 304, 4000, 4400, 5000, 304]);
    await subscription.return();
    const subscribing = counts.subscribe(subscriber, [course!]);
    counts.endSubscriptionsOf(subscriber);
    expect(await (await subscribing).next()).toEqual({ done: true, value: undefined });
    expect([counts.count('sse'), clock.isAwaited]).toEqual([0, false]);
  });

  it('live counts cost one statement at the first look too, even for viewers who see only some of the courses', async () => {
    const { database, clock, counts } = await started(kind);
    await addCourses(database, [{}, { isPublished: false }]);
    await counts.subscribe(subscriberAt(), null);
    expect(summarize(await statementsOf(database, () => clock.tick()))).toEqual(['select core_course']);
    counts.end();
  });

  it('a subscription to more courses than are allowed is refused after one statement, which reads one course more than that', async () => {
    const { database, counts } = await started(kind);
    await addCourses(
      database,
      Array.from({ length: MAX_COURSES_OF_SUBSCRIPTION + 1 }, () => ({})),
    );
    const statements = await statementsOf(database, async () => {
      await expect(counts.subscribe(subscriberAt(), null)).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
        message: expect.stringContaining('there are more courses than one subscription may have, 1000') as string,
      });
    });
    expect(statements).toEqual([expect.stringMatching(/^select (?:\/\*.*\*\/ )?id from core_course .*limit 1001$/)]);
    expect(counts.count('sse')).toBe(0);
    await bypassCounters(
      database,
      'delete from core_course where id = (select max(id) from (select id from core_course) c)',
    );
    await counts.subscribe(subscriberAt(), null);
    counts.end();
  });

  it('a subscriber has at most 50 subscriptions, even if all come at once, and one that ends makes room', async () => {
    const { database, counts } = await started(kind);
    const [course] = await addCourses(database, [{}]);
    const subscriber = subscriberAt();
    const settled = await Promise.allSettled(Array.from({ length: 60 }, () => counts.subscribe(subscriber, [course!])));
    const refused = settled.flatMap(one => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refused).toMatchObject(
      Array.from({ length: 10 }, () => ({
        code: 'TOO_MANY_SUBSCRIPTIONS',
        message:
          'This connection would have 51 subscriptions, and 50 are allowed. End one, or name more courses in one.',
      })),
    );
    await settled.find(one => one.status === 'fulfilled')!.value.return();
    await counts.subscribe(subscriber, [course!]);
    expect(counts.count('sse')).toBe(50);
    counts.end();
  });

  it('subscriptions during an end, or after it, end', async () => {
    const { database, clock, counts } = await started(kind);
    await addCourses(database, [{}]);
    const subscribe = () => counts.subscribe(subscriberAt(), null);
    const during = subscribe();
    counts.end();
    for (const subscription of [await during, await subscribe()])
      expect(await subscription.next()).toEqual({ done: true, value: undefined });
    expect([counts.count('sse'), clock.isAwaited]).toEqual([0, false]);
  });
});

it('a subscription to a course that is deleted as it begins reports that it is gone', async () => {
  const subscription = new CourseCountsSubscription(new Set([1]), subscriberAt().sendQueue, () => undefined);
  subscription.offer(1, null);
  subscription.begin([{ id: 1, totalEnrollments: 0, activeEnrollments: 0 } as CourseRow]);
  expect(await promptly(subscription.next(), 'Nothing was told.')).toEqual({
    done: false,
    value: { courseId: 1, course: null },
  });
});
