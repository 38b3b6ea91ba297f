import { describe, expect, it, onTestFinished } from 'vitest';
import { Role } from '../../src/entities/index.js';
import {
  CourseCountsSubscription,
  LiveCounts,
  Outlet,
  shareLimits,
  Shares,
  Turns,
  type CourseCountsChange,
} from '../../src/live-counts/index.js';
import type { CourseRow } from '../../src/reading/index.js';
import { freshDatabase } from '../support/databases.js';
import { listenerAt } from '../support/listeners.js';
import { bypassCounters } from '../support/place-on.js';
import { addCourses } from '../support/rows.js';
import { steppedPace } from '../support/stepped-pace.js';

const viewer = (userId: number | null, role = Role.STUDENT) => ({ userId, role });

/** Takes shares until one is rejected; returns their number, and the reason. */
function takenBy(shares: Shares, holder: Parameters<Shares['take']>[0]): [number, string] {
  for (let taken = 0; ; taken += 1) {
    try {
      shares.take(holder);
    } catch (error) {
      return [taken, (error as Error).message];
    }
  }
}

describe('shares', () => {
  it('shares leave no client with all, and clients without a token never keep viewers out', () => {
    const shares = new Shares('things', shareLimits(5000), 'Put some back.');
    expect(takenBy(shares, { viewer: null, address: 'a' })).toEqual([
      1000,
      'The clients of your address without a token would have 1001 things, and 1000 are allowed. Put some back.',
    ]);
    expect(takenBy(shares, { viewer: viewer(1), address: 'a' })).toEqual([
      100,
      'You would have 101 things, and 100 are allowed. Put some back.',
    ]);
    // The same viewer from elsewhere.
    expect(takenBy(shares, { viewer: viewer(1), address: 'b' })[0]).toBe(0);
    for (let one = 2; one <= 10; one += 1) expect(takenBy(shares, { viewer: viewer(one), address: 'a' })[0]).toBe(100);
    expect(takenBy(shares, { viewer: viewer(11), address: 'a' })).toEqual([
      0,
      'The clients of your address would have 2001 things, and 2000 are allowed. Put some back.',
    ]);
    expect(takenBy(shares, { viewer: null, address: 'b' })[0]).toBe(1000);
    expect(takenBy(shares, { viewer: null, address: 'c' })).toEqual([
      500,
      'The clients of this server without a token would have 2501 things, and 2500 are allowed. Put some back.',
    ]);
    for (let one = 12; one <= 26; one += 1)
      expect(takenBy(shares, { viewer: viewer(one), address: `of ${one}` })[0]).toBe(100);
    expect(takenBy(shares, { viewer: viewer(27), address: 'd' })).toEqual([
      0,
      'This server would have 5001 things, and 5000 are allowed. Put some back.',
    ]);
  });

  it('returned shares are there for others, once each, and a rejected amount takes nothing', () => {
    const shares = new Shares('things', shareLimits(500), '');
    const holder = { viewer: viewer(null, Role.ADMIN), address: 'a' };
    const giveBack = shares.take(holder, 10);
    expect(() => shares.take(holder)).toThrow('You would have 11 things, and 10 are allowed.');
    giveBack();
    giveBack();
    expect(() => shares.take(holder, 11)).toThrow('You would have 11 things, and 10 are allowed.');
    expect(takenBy(shares, holder)[0]).toBe(10);
  });

  it('each client has a share of at least one, however small the server', () => {
    expect(shareLimits(1)).toEqual({ server: 1, anonymous: 1, address: 1, anonymousOfAddress: 1, viewer: 1 });
  });
});

describe('live counts', () => {
  async function started(limit = 5000) {
    const { database, drop } = await freshDatabase('sqlite');
    onTestFinished(drop);
    const pace = steppedPace();
    const counts = new LiveCounts(database, error => expect(error).toBeNull(), pace, shareLimits(limit));
    onTestFinished(() => counts.end());
    return { database, pace, counts };
  }

  it('live counts have room for a school behind one address: 200 students, signed in and not, with two pages of 20 courses each', async () => {
    const { database, counts } = await started();
    const courses = await addCourses(
      database,
      Array.from({ length: 20 }, () => ({})),
    );
    for (let student = 1; student <= 200; student += 1) {
      for (const listener of [
        listenerAt(),
        listenerAt(),
        { ...listenerAt(), viewer: viewer(student) },
        { ...listenerAt(), viewer: viewer(student) },
      ])
        await counts.subscribe(listener, courses);
    }
    expect(counts.count('sse')).toBe(800);
  });

  it('live counts limit the courses in the subscriptions of one client too, named or not, and give the room back', async () => {
    // A viewer may have two subscriptions, with 800 courses in them.
    const { database, counts } = await started(100);
    const courses = await addCourses(
      database,
      Array.from({ length: 401 }, () => ({})),
    );
    const listener = { ...listenerAt(), viewer: viewer(1) };
    const first = await counts.subscribe(listener, courses);
    const refusal = {
      code: 'TOO_MANY_SUBSCRIPTIONS',
      message: 'You would have 802 courses in subscriptions, and 800 are allowed. Name only the courses that you show.',
    };
    for (const named of [courses, null]) await expect(counts.subscribe(listener, named)).rejects.toMatchObject(refusal);
    expect(counts.count('sse')).toBe(1);
    const second = await counts.subscribe(listener, courses.slice(1, 400));
    await Promise.all([first.return(), second.return()]);
    for (const named of [courses.slice(1), null]) await (await counts.subscribe(listener, named)).return();
    expect(counts.count('sse')).toBe(0);
  });

  it('live counts hold one row for all subscribers that receive the same', async () => {
    const { database, pace, counts } = await started();
    const [course] = await addCourses(database, [{}]);
    const subscriptions = [
      await counts.subscribe(listenerAt(), [course!]),
      await counts.subscribe(listenerAt(), null),
      await counts.subscribe(listenerAt(), [course!]),
    ];
    const rowsOf = async (): Promise<unknown[]> =>
      Promise.all(subscriptions.map(async one => ((await one.next()).value as CourseCountsChange).course));
    const [first, ...others] = await rowsOf();
    expect(others.every(row => row === first)).toBe(true);
    await bypassCounters(database, `update core_course set total_enrollments = 7 where id = ${course}`);
    await pace.tick();
    const [changed, ...rest] = await rowsOf();
    expect([changed, rest.every(row => row === changed)]).toMatchObject([{ totalEnrollments: 7 }, true]);
    subscriptions.push(await counts.subscribe(listenerAt(), [course!]));
    expect(((await subscriptions.at(-1)!.next()).value as CourseCountsChange).course).toBe(changed);
  });
});

describe('the subscriptions of one client', () => {
  const row = (id: number, totalEnrollments = 0): CourseRow =>
    ({ id, totalEnrollments, activeEnrollments: 0 }) as CourseRow;

  it('the subscriptions of one client send one message after another, each when the client can take it, and then the latest', async () => {
    let release: () => void = () => undefined;
    const outlet = new Outlet(() => new Promise<void>(resolve => (release = resolve)));
    const subscriptions = [1, 2].map(id => new CourseCountsSubscription(new Set([id]), outlet, () => undefined));
    const told: number[][] = [];
    const next = async (index: number): Promise<void> => {
      const { courseId, course } = (await subscriptions[index]!.next()).value as CourseCountsChange;
      told.push([courseId, course!.totalEnrollments]);
    };
    const turn = async (): Promise<void> => {
      for (let more = 0; more < 20; more += 1) await Promise.resolve();
    };
    subscriptions.forEach((one, index) => one.offer(index + 1, row(index + 1)));
    const both = [next(0), next(1)];
    await turn();
    expect(told).toEqual([]);
    subscriptions[0]!.offer(1, row(1, 5));
    release();
    await turn();
    // The second waits until the first has sent its message, which its next request shows.
    release();
    await turn();
    expect(told).toEqual([[1, 5]]);
    void subscriptions[0]!.next();
    await turn();
    release();
    await Promise.all(both);
    expect(told).toEqual([
      [1, 5],
      [2, 0],
    ]);
  });

  it('the subscriptions of one client go on where one ends that is working or waiting', async () => {
    const outlet = new Outlet(() => Promise.resolve());
    const [first, second, third] = [1, 2, 3].map(
      id => new CourseCountsSubscription(new Set([id]), outlet, () => undefined),
    );
    [first, second, third].forEach((one, index) => one!.offer(index + 1, row(index + 1)));
    await first!.next();
    const [waiting, last] = [second!.next(), third!.next()];
    second!.end();
    expect(await waiting).toEqual({ done: true, value: undefined });
    first!.end();
    expect((await last).value).toMatchObject({ courseId: 3 });
  });

  it('the subscriptions of one client take turns: no more than 100 messages are made before other work goes on', async () => {
    const turns = new Turns();
    let made = 0;
    const all = Array.from({ length: 250 }, () => turns.next().then(() => void (made += 1)));
    const seen: number[] = [];
    while (made < 250) {
      await new Promise(resolve => setImmediate(resolve));
      seen.push(made);
    }
    await Promise.all(all);
    expect(seen).toEqual([100, 200, 250]);
  });
});
