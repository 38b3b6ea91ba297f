import { expect, it, onTestFinished, vi } from 'vitest';
import { ConnectionSlots, type SlotRules, type Release } from '../../src/database/connections/connection-slots.js';
import type { Purpose } from '../../src/database/connections/purposes.js';
import { TimeLimit } from '../../src/database/time-limits/time-limit.js';
import { waitingUntil } from '../../src/database/time-limits/waits.js';

const kept = { read: 2, transaction: 2, probe: 1 };

/** Returns rules that reserve this many slots for each purpose. */
function rulesOf(each: Readonly<Record<Purpose, number>>): SlotRules<Purpose> {
  const rule = (purpose: Purpose) => ({
    kept: each[purpose],
    maxWaitMs: 60_000,
    leavesTimeToWork: purpose === 'transaction',
  });
  return { read: rule('read'), transaction: rule('transaction'), probe: rule('probe') };
}

/** Takes slots for one purpose until none is left; the last of the promises waits. */
async function takeAll(
  slots: ConnectionSlots<Purpose>,
  purpose: Purpose,
): Promise<{ taken: Release[]; waits: Promise<Release> }> {
  const taken: Release[] = [];
  for (;;) {
    const next = slots.take(purpose, undefined);
    if (slots.waiting > 0) return { taken, waits: next };
    taken.push(await next);
  }
}

it.each<[Purpose, number]>([
  ['transaction', 7],
  ['read', 7],
  ['probe', 6],
])(
  'a pool of 10 slots gives no more to one purpose (%s) than leaves the others their reserved share',
  async (purpose, most) => {
    const slots = new ConnectionSlots(10, rulesOf(kept));
    const { taken, waits } = await takeAll(slots, purpose);
    expect(taken.length).toBe(most);
    for (const [other, number] of Object.entries(kept)) {
      if (other === purpose) continue;
      for (let count = 0; count < number; count += 1) taken.push(await slots.take(other as Purpose, undefined));
    }
    expect([slots.taken, slots.waiting]).toEqual([10, 1]);
    // A slot that is reserved for another purpose is not given to this one.
    taken.pop()!();
    expect(slots.waiting).toBe(1);
    taken.shift()!();
    (await waits)();
  },
);

it('a returned slot goes to the caller who has waited longest among those who may have it', async () => {
  const slots = new ConnectionSlots(5, rulesOf({ read: 1, transaction: 1, probe: 0 }));
  const { taken, waits } = await takeAll(slots, 'transaction');
  const order: string[] = [];
  const note =
    (who: string) =>
    (release: Release): Release => {
      order.push(who);
      return release;
    };
  const reader = await slots.take('read', undefined);
  const all = [
    waits.then(note('first')),
    slots.take('read', undefined).then(note('second')),
    slots.take('transaction', undefined).then(note('third')),
  ];
  taken[0]!();
  taken[1]!();
  taken[2]!();
  const given = await Promise.all(all);
  expect(order).toEqual(['first', 'second', 'third']);
  for (const release of [...given, ...taken, reader]) release();
  expect([slots.taken, slots.waiting]).toEqual([0, 0]);
});

it('a slot that is returned twice is given out once', async () => {
  const slots = new ConnectionSlots(1, rulesOf(kept));
  const first = await slots.take('read', undefined);
  const second = slots.take('read', undefined);
  const third = slots.take('read', undefined);
  first();
  const release = await second;
  first();
  expect([slots.taken, slots.waiting]).toEqual([1, 1]);
  release();
  (await third)();
});

it('a waiting caller leaves the queue when the time of the request or of the wait is over, or the queue is full, and is told which', async () => {
  const slots = new ConnectionSlots(1, rulesOf(kept));
  const release = await slots.take('read', undefined);
  const limit = new TimeLimit(3600);
  const stopped = slots.take('read', limit);
  limit.stop('client_gone');
  await expect(stopped).rejects.toMatchObject({ reason: 'client_gone' });
  await expect(waitingUntil(performance.now(), () => slots.take('read', undefined))).rejects.toMatchObject({
    thing: 'connection',
    refusal: 'time',
  });
  const waiting = Array.from({ length: 5000 }, () => slots.take('read', undefined));
  await expect(slots.take('read', undefined)).rejects.toMatchObject({ thing: 'connection', refusal: 'length' });
  release();
  for (const next of waiting) (await next)();
  expect([slots.taken, slots.waiting]).toEqual([0, 0]);
});

it('a caller who has waited for something else before comes before all who began to wait later', async () => {
  const slots = new ConnectionSlots(1, rulesOf(kept));
  const release = await slots.take('transaction', undefined);
  const began = performance.now();
  const order: string[] = [];
  const later = slots.take('transaction', undefined).then(given => {
    order.push('later');
    given();
  });
  const [earlier, earliest] = (['transaction', 'read'] as const).map((purpose, index) =>
    waitingUntil(Infinity, () => slots.take(purpose, undefined), began - index).then(given => {
      order.push(index === 0 ? 'earlier' : 'earliest');
      given();
    }),
  );
  release();
  await Promise.all([later, earlier, earliest]);
  expect(order).toEqual(['earliest', 'earlier', 'later']);
});

it('a waiting change waits longer than others if the time of its request is longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const slots = new ConnectionSlots(1, rulesOf(kept));
  const release = await slots.take('read', undefined);
  const patient = slots.take('transaction', new TimeLimit(3600));
  const others = [slots.take('transaction', undefined), slots.take('read', new TimeLimit(3600))];
  vi.advanceTimersByTime(60_000);
  for (const other of others) await expect(other).rejects.toMatchObject({ refusal: 'time' });
  expect(slots.waiting).toBe(1);
  release();
  (await patient)();
});

it('a waiting change is not begun when too little is left of the time of the request, except for the answer to a saved change', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const slots = new ConnectionSlots(1, rulesOf(kept));
  const release = await slots.take('read', undefined);
  const [limit, saved] = [new TimeLimit(8), new TimeLimit(8)];
  saved.noteCommit();
  const changing = slots.take('transaction', limit);
  const others = [slots.take('transaction', saved), slots.take('read', limit)];
  vi.advanceTimersByTime(5999);
  expect(slots.waiting).toBe(3);
  vi.advanceTimersByTime(1);
  await expect(changing).rejects.toMatchObject({ thing: 'connection', refusal: 'time' });
  expect(slots.waiting).toBe(2);
  release();
  await Promise.all(others.map(async other => (await other)()));
});
