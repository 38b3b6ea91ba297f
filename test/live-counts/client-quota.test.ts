import { describe, expect, it, onTestFinished } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { ClientQuota, LiveCounts, quotaLimits, type CourseCountsChange } from '../../src/live-counts/index.js';
import { freshDatabase } from '../support/databases.js';
import { subscriberAt } from '../support/subscribers.js';
import { bypassCounters } from '../support/place-on.js';
import { addCourses } from '../support/rows.js';
import { steppedClock } from '../support/stepped-clock.js';

const viewer = (userId: number | null, role = Role.STUDENT) => ({ userId, role });

/** Acquires one at a time until it is refused; returns how many were acquired, and the reason. */
function takenBy(quota: ClientQuota, client: Parameters<ClientQuota['acquire']>[0]): [number, string] {
  for (let taken = 0; ; taken += 1) {
    try {
      quota.acquire(client);
    } catch (error) {
      return [taken, (error as Error).message];
    }
  }
}

describe('a quota', () => {
  it('a quota leaves something for other clients, and clients without a token never take what viewers need', () => {
    const quota = new ClientQuota('things', quotaLimits(5000), 'Put some back.');
    expect(takenBy(quota, { viewer: null, address: 'a' })).toEqual([
      1000,
      'The clients of your address without a token would have 1001 things, and 1000 are allowed. Put some back.',
    ]);
    expect(takenBy(quota, { viewer: viewer(1), address: 'a' })).toEqual([
      100,
      'You would have 101 things, and 100 are allowed. Put some back.',
    ]);
    // The same viewer from elsewhere.
    expect(takenBy(quota, { viewer: viewer(1), address: 'b' })[0]).toBe(0);
    for (let one = 2; one <= 10; one += 1) expect(takenBy(quota, { viewer: viewer(one), address: 'a' })[0]).toBe(100);
    expect(takenBy(quota, { viewer: viewer(11), address: 'a' })).toEqual([
      0,
      'The clients of your address would have 2001 things, and 2000 are allowed. Put some back.',
    ]);
    expect(takenBy(quota, { viewer: null, address: 'b' })[0]).toBe(1000);
    expect(takenBy(quota, { viewer: null, address: 'c' })).toEqual([
      500,
      'The clients of this server without a token would have 2501 things, and 2500 are allowed. Put some back.',
    ]);
    for (let one = 12; one <= 26; one += 1)
      expect(takenBy(quota, { viewer: viewer(one), address: `of ${one}` })[0]).toBe(100);
    expect(takenBy(quota, { viewer: viewer(27), address: 'd' })).toEqual([
      0,
      'This server would have 5001 things, and 5000 are allowed. Put some back.',
    ]);
  });

  it('a quota has an amount again once it is released, counts each release once, and loses nothing to a refused amount', () => {
    const quota = new ClientQuota('things', quotaLimits(500), '');
    const client = { viewer: viewer(null, Role.ADMIN), address: 'a' };
    const release = quota.acquire(client, 10);
    expect(() => quota.acquire(client)).toThrow('You would have 11 things, and 10 are allowed.');
    release();
    release();
    expect(() => quota.acquire(client, 11)).toThrow('You would have 11 things, and 10 are allowed.');
    expect(takenBy(quota, client)[0]).toBe(10);
  });

  it('a quota allows everyone at least one, however small the server is', () => {
    expect(quotaLimits(1)).toEqual({ server: 1, anonymous: 1, address: 1, anonymousOfAddress: 1, viewer: 1 });
  });
});

describe('live counts', () => {
  async function started(limit = 5000) {
    const { database, drop } = await freshDatabase('sqlite');
    onTestFinished(drop);
    const clock = steppedClock();
    const counts = new LiveCounts(database, error => expect(error).toBeNull(), clock, quotaLimits(limit));
    onTestFinished(() => counts.end());
    return { database, clock, counts };
  }

  it('live counts have room for a school with one address: 200 students, with and without a token, with two pages of 20 courses each', async () => {
    const { database, counts } = await started();
    const courses = await addCourses(
      database,
      Array.from({ length: 20 }, () => ({})),
    );
    for (let student = 1; student <= 200; student += 1) {
      for (const subscriber of [
        subscriberAt(),
        subscriberAt(),
        { ...subscriberAt(), viewer: viewer(student) },
        { ...subscriberAt(), viewer: viewer(student) },
      ])
        await counts.subscribe(subscriber, courses);
    }
    expect(counts.count('sse')).toBe(800);
  });

  it('live counts limit the courses in the subscriptions of one client too, named or not, and release them at the end', async () => {
    // So a viewer may have two subscriptions, with 800 courses in them.
    const { database, counts } = await started(100);
    const courses = await addCourses(
      database,
      Array.from({ length: 401 }, () => ({})),
    );
    const subscriber = { ...subscriberAt(), viewer: viewer(1) };
    const first = await counts.subscribe(subscriber, courses);
    const refusal = {
      code: 'TOO_MANY_SUBSCRIPTIONS',
      message: 'You would have 802 courses in subscriptions, and 800 are allowed. Name only the courses that you show.',
    };
    for (const named of [courses, null])
      await expect(counts.subscribe(subscriber, named)).rejects.toMatchObject(refusal);
    expect(counts.count('sse')).toBe(1);
    const second = await counts.subscribe(subscriber, courses.slice(1, 400));
    await Promise.all([first.return(), second.return()]);
    for (const named of [courses.slice(1), null]) await (await counts.subscribe(subscriber, named)).return();
    expect(counts.count('sse')).toBe(0);
  });

  it('live counts keep one row for all subscribers that are sent the same', async () => {
    const { database, clock, counts } = await started();
    const [course] = await addCourses(database, [{}]);
    const subscriptions = [
      await counts.subscribe(subscriberAt(), [course!]),
      await counts.subscribe(subscriberAt(), null),
      await counts.subscribe(subscriberAt(), [course!]),
    ];
    const rowsOf = async (): Promise<unknown[]> =>
      Promise.all(subscriptions.map(async one => ((await one.next()).value as CourseCountsChange).course));
    const [first, ...others] = await rowsOf();
    expect(others.every(row => row === first)).toBe(true);
    await bypassCounters(database, `update core_course set total_enrollments = 7 where id = ${course}`);
    await clock.tick();
    const [changed, ...rest] = await rowsOf();
    expect([changed, rest.every(row => row === changed)]).toMatchObject([{ totalEnrollments: 7 }, true]);
    subscriptions.push(await counts.subscribe(subscriberAt(), [course!]));
    expect(((await subscriptions.at(-1)!.next()).value as CourseCountsChange).course).toBe(changed);
  });
});
