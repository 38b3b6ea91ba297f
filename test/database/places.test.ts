import { expect, it, onTestFinished, vi } from 'vitest';
import { Places, type PlaceRules, type Release } from '../../src/database/connections/places.js';
import type { Purpose } from '../../src/database/connections/purposes.js';
import { TimeLimit } from '../../src/database/time-limits/time-limit.js';
import { waitingUntil } from '../../src/database/time-limits/waits.js';

const kept = { read: 2, transaction: 2, probe: 1 };

/** Returns rules that reserve this many places for each purpose. */
function rulesOf(each: Readonly<Record<Purpose, number>>): PlaceRules<Purpose> {
  const rule = (purpose: Purpose) => ({
    kept: each[purpose],
    maxWaitMs: 60_000,
    leavesTimeToWork: purpose === 'transaction',
  });
  return { read: rule('read'), transaction: rule('transaction'), probe: rule('probe') };
}

/** Takes places for one purpose until none is left; the last of the promises waits. */
async function takeAll(
  places: Places<Purpose>,
  purpose: Purpose,
): Promise<{ taken: Release[]; waits: Promise<Release> }> {
  const taken: Release[] = [];
  for (;;) {
    const next = places.take(purpose, undefined);
    if (places.waiting > 0) return { taken, waits: next };
    taken.push(await next);
  }
}

it.each<[Purpose, number]>([
  ['transaction', 7],
  ['read', 7],
  ['probe', 6],
])(
  'a pool of 10 places gives no more to one purpose (%s) than leaves the others their reserved share',
  async (purpose, most) => {
    const places = new Places(10, rulesOf(kept));
    const { taken, waits } = await takeAll(places, purpose);
    expect(taken.length).toBe(most);
    for (const [other, number] of Object.entries(kept)) {
      if (other === purpose) continue;
      for (let count = 0; count < number; count += 1) taken.push(await places.take(other as Purpose, undefined));
    }
    expect([places.taken, places.waiting]).toEqual([10, 1]);
    // A place that is reserved for another purpose is not given to this one.
    taken.pop()!();
    expect(places.waiting).toBe(1);
    taken.shift()!();
    (await waits)();
  },
);

it('a returned place goes to the caller who has waited longest among those who may have it', async () => {
  const places = new Places(5, rulesOf({ read: 1, transaction: 1, probe: 0 }));
  const { taken, waits } = await takeAll(places, 'transaction');
  const order: string[] = [];
  const note =
    (who: string) =>
    (release: Release): Release => {
      order.push(who);
      return release;
    };
  const reader = await places.take('read', undefined);
  const all = [
    waits.then(note('first')),
    places.take('read', undefined).then(note('second')),
    places.take('transaction', undefined).then(note('third')),
  ];
  taken[0]!();
  taken[1]!();
  taken[2]!();
  const given = await Promise.all(all);
  expect(order).toEqual(['first', 'second', 'third']);
  for (const release of [...given, ...taken, reader]) release();
  expect([places.taken, places.waiting]).toEqual([0, 0]);
});

it('a place that is returned twice is given out once', async () => {
  const places = new Places(1, rulesOf(kept));
  const first = await places.take('read', undefined);
  const second = places.take('read', undefined);
  const third = places.take('read', undefined);
  first();
  const release = await second;
  first();
  expect([places.taken, places.waiting]).toEqual([1, 1]);
  release();
  (await third)();
});

it('a waiting caller leaves the queue when the time of the request or of the wait is over, or the queue is full, and is told which', async () => {
  const places = new Places(1, rulesOf(kept));
  const release = await places.take('read', undefined);
  const limit = new TimeLimit(3600);
  const stopped = places.take('read', limit);
  limit.stop('client_gone');
  await expect(stopped).rejects.toMatchObject({ reason: 'client_gone' });
  await expect(waitingUntil(performance.now(), () => places.take('read', undefined))).rejects.toMatchObject({
    thing: 'connection',
    refusal: 'time',
  });
  const waiting = Array.from({ length: 5000 }, () => places.take('read', undefined));
  await expect(places.take('read', undefined)).rejects.toMatchObject({ thing: 'connection', refusal: 'length' });
  release();
  for (const next of waiting) (await next)();
  expect([places.taken, places.waiting]).toEqual([0, 0]);
});

it('a caller who has waited for something else before comes before all who began to wait later', async () => {
  const places = new Places(1, rulesOf(kept));
  const release = await places.take('transaction', undefined);
  const began = performance.now();
  const order: string[] = [];
  const later = places.take('transaction', undefined).then(given => {
    order.push('later');
    given();
  });
  const [earlier, earliest] = (['transaction', 'read'] as const).map((purpose, index) =>
    waitingUntil(Infinity, () => places.take(purpose, undefined), began - index).then(given => {
      order.push(index === 0 ? 'earlier' : 'earliest');
      given();
    }),
  );
  release();
  await Promise.all([later, earlier, earliest]);
  expect(order).toEqual(['earliest', 'earlier', 'later']);
});

it('a waiting change is not begun when too little is left of the time of the request, except for the answer to a saved change', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const places = new Places(1, rulesOf(kept));
  const release = await places.take('read', undefined);
  const [limit, saved] = [new TimeLimit(8), new TimeLimit(8)];
  saved.noteCommit();
  const changing = places.take('transaction', limit);
  const others = [places.take('transaction', saved), places.take('read', limit)];
  vi.advanceTimersByTime(5999);
  expect(places.waiting).toBe(3);
  vi.advanceTimersByTime(1);
  await expect(changing).rejects.toMatchObject({ thing: 'connection', refusal: 'time' });
  expect(places.waiting).toBe(2);
  release();
  await Promise.all(others.map(async other => (await other)()));
});
