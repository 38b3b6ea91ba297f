import { describe, expect, it } from 'vitest';
import { CourseCountsSubscription, SendQueue, type CourseCountsChange } from '../../src/live-counts/index.js';
import type { CourseRow } from '../../src/reading/index.js';
import { numberKey } from '../support/keys.js';

describe('the subscriptions of one client', () => {
  const row = (id: number, totalEnrollments = 0): CourseRow =>
    ({ id, totalEnrollments, activeEnrollments: 0 }) as CourseRow;

  it('the subscriptions of one client send one message after another, each when the client can take it, and then the latest', async () => {
    let release: () => void = () => undefined;
    const queue = new SendQueue(() => new Promise<void>(resolve => (release = resolve)));
    const subscriptions = [1, 2].map(id => new CourseCountsSubscription(new Set([id]), queue, () => undefined));
    const told: number[][] = [];
    const next = async (index: number): Promise<void> => {
      const { courseId, course } = (await subscriptions[index]!.next()).value as CourseCountsChange;
      told.push([numberKey(courseId), course!.totalEnrollments]);
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
    // The second waits for the first to have sent its message, which asking for another one says.
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

  it('the subscriptions of one client continue when one ends that is sending or waiting', async () => {
    const queue = new SendQueue(() => Promise.resolve());
    const [first, second, third] = [1, 2, 3].map(
      id => new CourseCountsSubscription(new Set([id]), queue, () => undefined),
    );
    [first, second, third].forEach((one, index) => one!.offer(index + 1, row(index + 1)));
    await first!.next();
    const [waiting, last] = [second!.next(), third!.next()];
    second!.end();
    expect(await waiting).toEqual({ done: true, value: undefined });
    first!.end();
    expect((await last).value).toMatchObject({ courseId: 3 });
  });
});
