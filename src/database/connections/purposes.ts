import { AsyncLocalStorage } from 'node:async_hooks';
import type { TableName } from '../tables.js';
import type { PlaceRules } from './places.js';
import type { WaitRule } from './waiting-line.js';

/**
 * The purposes for which a connection is taken: to read, or anything else outside of a transaction; for a transaction
 * that may write; to see whether the database answers.
 */
export type Purpose = 'read' | 'transaction' | 'probe';

/** The purposes for which a connection to a server is taken, and for which rows. */
export type Lane =
  | 'read enrollments'
  | 'read users'
  | 'read courses'
  | 'read others'
  | 'change enrollments'
  | 'change others'
  | 'look at viewers'
  | 'probe';

/** The rule for the wait of a read: a connection is given back after one statement. */
const reading: WaitRule = { maxWaitMs: 5000, leavesTimeToWork: false };

/**
 * The rule for the wait of a change, for a connection or for another change to the same course: as long as a
 * transaction is retried on conflicts, but none is begun that would be stopped before its end.
 */
export const changing: WaitRule = { maxWaitMs: 10_000, leavesTimeToWork: true };

/** The shares of connections that are all alike, such as those to a file, which locks no tables. */
export const purposeRules: PlaceRules<Purpose> = {
  read: { kept: 0, ...reading },
  transaction: { kept: 0, ...changing },
  probe: { kept: 1, ...reading },
};

/** The shares of the 20 connections to a server: each lane has room of its own, even if a table makes others wait. */
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

/** The aim of work, as far as its statements do not show it. */
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

/** Runs a look at the users who send requests: each request with a token may wait for it. */
export function asLookAtViewers<Result>(work: () => Result): Result {
  return aims.run({ isLookAtViewers: true }, work);
}

/**
 * Runs work that a change waits for: its reads outside of a transaction use the connections of changes, however many
 * slow readers there are.
 */
export function forChange<Result>(work: () => Result): Result {
  return aims.run({ ...aims.getStore(), isChange: true }, work);
}

/** Runs work whose transactions need no enrollments: they find a connection however many wait for that table. */
export function withoutEnrollments<Result>(work: () => Result): Result {
  return aims.run({ ...aims.getStore(), leavesEnrollments: true }, work);
}

/** Returns true within forChange(). */
export function isForChange(): boolean {
  return aims.getStore()?.isChange === true;
}

/** Returns the purpose of a statement outside of a transaction. */
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
  const needsEnrollments = mentions(sql, 'core_enrollments');
  if (purpose === 'transaction') return needsEnrollments ? 'change enrollments' : 'change others';
  if (needsEnrollments) return 'read enrollments';
  return mentions(sql, 'core_user') ? 'read users' : mentions(sql, 'core_course') ? 'read courses' : 'read others';
}

function mentions(sql: string, table: TableName): boolean {
  return sql.includes(table);
}

/** Returns the lane of a transaction, whose statements are not known yet. */
export function laneOfTransaction(isReadOnly: boolean): Lane {
  if (isReadOnly) return 'read enrollments';
  return aims.getStore()?.leavesEnrollments ? 'change others' : 'change enrollments';
}
