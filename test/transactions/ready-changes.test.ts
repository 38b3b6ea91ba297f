import { setImmediate } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { TimeLimit } from '../../src/database/time-limits/time-limit.js';
import { BatchMember } from '../../src/transactions/batch-member.js';
import {
  MAX_SHARED_TRANSACTION_MS,
  MAX_SHARED_TRANSACTIONS,
  ReadyChanges,
  readyChangesOf,
  type SharedWork,
} from '../../src/transactions/ready-changes.js';
import { inBatch, type BatchKind, type Prepared } from '../../src/transactions/transactions.js';
import { describeOnServers, freshDatabase } from '../support/databases.js';
import { waitUntil } from '../support/wait.js';

const enrollments = {};

function change(kind: object = enrollments, limit?: TimeLimit): BatchMember {
  return new BatchMember(kind, { courses: [] }, limit, () => undefined);
}

/** Lets a change become ready, and returns the work of the transaction that it begins; null: another one makes it. */
function ready(changes: ReadyChanges, one = change(), limit?: TimeLimit, most = 99): Promise<SharedWork | null> {
  const gathered = changes.gather(one, limit, most);
  gathered.catch(() => undefined);
  return gathered;
}

/** Lets no timer fire during a test unless the test says so, so that only the end of a transaction makes room. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Returns changes of which as many transactions are under way as may be, and these. */
async function busy(): Promise<{ changes: ReadyChanges; underWay: SharedWork[] }> {
  const changes = new ReadyChanges();
  const underWay: SharedWork[] = [];
  for (let number = 0; number < MAX_SHARED_TRANSACTIONS; number += 1) underWay.push((await ready(changes))!);
  return { changes, underWay };
}

it('a change begins at once if fewer transactions are under way than may be, and makes no other change', async () => {
  const { underWay } = await busy();
  expect(underWay.map(({ others }) => others)).toEqual(underWay.map(() => []));
});

it('changes that are ready in the same turn of the event loop are made by the transaction of the first one', async () => {
  const changes = new ReadyChanges();
  const [second, third] = [change(), change()];
  const gathered = [ready(changes), ready(changes, second), ready(changes, third)];
  expect((await gathered[0])!.others).toEqual([second, third]);
  expect(await Promise.all(gathered.slice(1))).toEqual([null, null]);
});

it('changes that become ready while all transactions are under way are made by one transaction when one of them ends', async () => {
  const { changes, underWay } = await busy();
  const later = [change(), change(), change()];
  const gathered = [];
  for (const one of later) {
    gathered.push(ready(changes, one));
    await setImmediate();
  }
  expect(changes.waiting).toBe(3);
  underWay[0]!.end();
  expect((await gathered[0])!.others).toEqual(later.slice(1));
  expect(changes.waiting).toBe(0);
});

it('changes that one transaction has no room for are made by the next one', async () => {
  const { changes, underWay } = await busy();
  const later = [change(), change(), change(), change()];
  const gathered = later.map(one => ready(changes, one, undefined, 1));
  underWay[0]!.end();
  expect((await gathered[0])!.others).toEqual([later[1]]);
  expect(changes.waiting).toBe(2);
  underWay[1]!.end();
  expect((await gathered[2])!.others).toEqual([later[3]]);
});

it('changes that one transaction has no room for begin another one at once, if one more may be under way', async () => {
  stopTimers();
  const changes = new ReadyChanges();
  const [second, fourth] = [change(), change()];
  const gathered = [change(), second, change(), fourth].map(one => ready(changes, one, undefined, 1));
  expect((await gathered[0])!.others).toEqual([second]);
  expect((await gathered[2])!.others).toEqual([fourth]);
});

it('changes of another kind are made by a transaction of their own', async () => {
  const changes = new ReadyChanges();
  const other = change({});
  const gathered = [ready(changes), ready(changes, other), ready(changes, change(other.kind))];
  expect((await gathered[0])!.others).toEqual([]);
  expect((await gathered[1])!.others).toHaveLength(1);
});

it('a change whose caller leaves while it waits is not made, and the others are', async () => {
  const { changes, underWay } = await busy();
  const [left, late] = [new TimeLimit(3600), new TimeLimit(3600)];
  const first = ready(changes, change(enrollments, left), left);
  const second = ready(changes);
  const overdue = ready(changes, change(enrollments, late), late);
  const third = change();
  const last = ready(changes, third);
  left.stop('client_gone');
  await expect(first).rejects.toBe(left.signal.reason);
  underWay[0]!.end();
  late.stop('deadline');
  await expect(overdue).rejects.toBe(late.signal.reason);
  expect((await second)!.others).toEqual([third]);
  expect(await last).toBeNull();
});

it('a change whose time is over is left out, though its timer has not fired yet', async () => {
  stopTimers();
  const { changes, underWay } = await busy();
  const late = new TimeLimit(0.001);
  const first = ready(changes);
  const overdue = ready(changes, change(enrollments, late), late);
  const third = change();
  const last = ready(changes, third);
  while (late.millisecondsLeft > 0) await setImmediate();
  underWay[0]!.end();
  expect((await first)!.others).toEqual([third]);
  expect(await Promise.all([overdue, last])).toEqual([null, null]);
  expect(late.reason).toBe('deadline');
});

it('a transaction that the database keeps waiting keeps the others waiting for a bounded time only', async () => {
  stopTimers();
  const { changes, underWay } = await busy();
  const next = ready(changes);
  vi.advanceTimersByTime(MAX_SHARED_TRANSACTION_MS);
  const begun = (await next)!;
  // The end of one that is no longer counted makes no room for another.
  for (let number = 1; number < MAX_SHARED_TRANSACTIONS; number += 1) await ready(changes);
  const waiting = ready(changes);
  for (const { end } of underWay) end();
  await setImmediate();
  expect(changes.waiting).toBe(1);
  begun.end();
  expect((await waiting)!.others).toEqual([]);
});

describeOnServers('a transaction of ready changes', kind => {
  it('a transaction of ready changes makes room for the next one when it ends, whether it succeeds or fails', async () => {
    stopTimers();
    const { database, drop } = await freshDatabase(kind);
    onTestFinished(drop);
    const ends: PromiseWithResolvers<string>[] = [];
    const held: BatchKind<Prepared, string> = {
      async makeAll(_, { ready: all, begin }) {
        begin(() => true);
        const end = Promise.withResolvers<string>();
        ends.push(end);
        const result = await end.promise;
        return all.map(() => ({ result }));
      },
    };
    const send = async (): Promise<string> => inBatch(database, held, () => Promise.resolve({ courses: [] }));
    const sent: Promise<string>[] = [];
    const begun = (number: number): Promise<void> =>
      waitUntil(() => ends.length === number, `Transaction ${number} does not begin.`);
    for (let number = 1; number <= MAX_SHARED_TRANSACTIONS; number += 1) {
      sent.push(send());
      await begun(number);
    }
    const later = send();
    await waitUntil(() => readyChangesOf(database).waiting === 1, 'The next change does not wait.');
    ends[0]!.reject(new Error('This one fails.'));
    await expect(sent[0]).rejects.toThrow('This one fails.');
    await begun(MAX_SHARED_TRANSACTIONS + 1);
    const last = send();
    await waitUntil(() => readyChangesOf(database).waiting === 1, 'The last change does not wait.');
    ends[1]!.resolve('made');
    expect(await sent[1]).toBe('made');
    await begun(MAX_SHARED_TRANSACTIONS + 2);
    for (const { resolve } of ends) resolve('made later');
    expect(await Promise.all([later, last])).toEqual(['made later', 'made later']);
  });
});
