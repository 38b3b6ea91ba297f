import { AsyncLocalStorage } from 'node:async_hooks';
import type { PlaceRules } from './places.js';
import type { WaitRule } from './waiting-line.js';

/**
 * Names what a connection is taken for: to read, or anything else outside of a transaction; for a transaction that may
 * write; to see whether the database answers.
 */
export type Purpose = 'read' | 'transaction' | 'probe';

/** Names what a connection to a server is taken for, and for which rows. */
export type Lane =
  | 'read enrollments'
  | 'read users'
  | 'read courses'
  | 'read others'
  | 'change enrollments'
  | 'change others'
  | 'look at viewers'
  | 'probe';

/** How those wait who read: a connection is given back after a statement. */
const reading: WaitRule = { maxWaitMs: 5000, leavesTimeToWork: false };

/**
 * How those wait who change something, for a connection or for others who change the same course: as long as a
 * transaction goes on against conflicts, but none is begun that would be stopped before its end.
 */
export const changing: WaitRule = { maxWaitMs: 10_000, leavesTimeToWork: true };

/** How connections are shared that are all alike: as they are to a file, which locks no tables. */
export const purposeRules: PlaceRules<Purpose> = {
  read: { kept: 0, ...reading },
  transaction: { kept: 0, ...changing },
  probe: { kept: 1, ...reading },
};

/** How the 20 connections to a server are shared: whatever one table makes wait, each lane has room of its own. */
export const laneRules: PlaceRules<Lane> = {
  'read enrollments': { kept: 2, ...reading },
  'read users': { kept: 2, ...reading },
  'read courses': { kept: 2, ...reading },
  'read others': { kept: 1, ...reading },
  'change enrollments': { kept: 5, ...changing },
  'change others': { kept: 2, ...changing },
  'look at viewers': { kept: 1, ...reading },
  probe: { kept: 1, ...reading },
};

/** What work is for, as far as its statements do not tell it themselves. */
interface Aim {
  readonly isProbe?: true;
  readonly isLookAtViewers?: true;
  readonly isChange?: true;
  readonly leavesEnrollments?: true;
}

const aims = new AsyncLocalStorage<Aim>();

/** Runs work whose statements outside of transactions take places as probes. */
export function asProbe<Result>(work: () => Result): Result {
  return aims.run({ isProbe: true }, work);
}

/** Runs a look at the users who ask: each request with a token may wait for it, whatever it asks for. */
export function asLookAtViewers<Result>(work: () => Result): Result {
  return aims.run({ isLookAtViewers: true }, work);
}

/**
 * Runs work that a change waits for: what it reads outside of a transaction finds room where changes do, however many
 * slow readers there are.
 */
export function forChange<Result>(work: () => Result): Result {
  return aims.run({ ...aims.getStore(), isChange: true }, work);
}

/** Runs work whose transactions need no enrollments: they find room however many wait for that table. */
export function withoutEnrollments<Result>(work: () => Result): Result {
  return aims.run({ ...aims.getStore(), leavesEnrollments: true }, work);
}

/** Returns true within forChange(). */
export function isForChange(): boolean {
  return aims.getStore()?.isChange === true;
}

/** Returns what a statement outside of a transaction takes its place for. */
export function purposeOutsideTransactions(): Purpose {
  return aims.getStore()?.isProbe ? 'probe' : 'read';
}

/**
 * Returns the lane of a statement outside of a transaction: a statement that needs several tables has that of the first
 * one here, behind which most others wait.
 */
export function laneOf(purpose: Purpose, sql: string): Lane {
  if (purpose === 'probe') return purpose;
  if (aims.getStore()?.isLookAtViewers) return 'look at viewers';
  const needsEnrollments = sql.includes('core_enrollments');
  if (purpose === 'transaction') return needsEnrollments ? 'change enrollments' : 'change others';
  if (needsEnrollments) return 'read enrollments';
  return sql.includes('core_user') ? 'read users' : sql.includes('core_course') ? 'read courses' : 'read others';
}

/** Returns the lane of a transaction, of which it is not known yet what it will send. */
export function laneOfTransaction(isReadOnly: boolean): Lane {
  if (isReadOnly) return 'read enrollments';
  return aims.getStore()?.leavesEnrollments ? 'change others' : 'change enrollments';
}
