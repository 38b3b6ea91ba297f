import { AsyncLocalStorage } from 'node:async_hooks';
import type { TableName } from '../tables.js';
import type { SlotRules } from './connection-slots.js';
import type { WaitRule } from './wait-queue.js';

/**
 * The purposes for which a connection is taken: to read, or for any other statement outside of a transaction; for a
 * transaction that may write; to check whether the database answers.
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
  | 'viewer lookup'
  | 'probe';

/** The rule for the wait of a read, which returns its connection after one statement. */
const reading: WaitRule = { maxWaitMs: 5000, leavesTimeToWork: false };

/**
 * The rule for the wait of a change, for a connection or for another change to the same course: it may wait as long as
 * a transaction is run again after conflicts, but it does not begin if its time would end before it is done.
 */
export const changing: WaitRule = { maxWaitMs: 10_000, leavesTimeToWork: true };

/** The slots of connections that are all alike, such as those to a file, where no table is locked by itself. */
export const purposeRules: SlotRules<Purpose> = {
  read: { kept: 0, ...reading },
  transaction: { kept: 0, ...changing },
  probe: { kept: 1, ...reading },
};

/**
 * The slots of the 20 connections to a server: each lane has some of its own, even if a locked table makes others
 * wait.
 */
export const laneRules: SlotRules<Lane> = {
  'read enrollments': { kept: 2, ...reading },
  'read users': { kept: 2, ...reading },
  'read courses': { kept: 2, ...reading },
  'read others': { kept: 1, ...reading },
  'change enrollments': { kept: 5, ...changing },
  'change others': { kept: 2, ...changing },
  'viewer lookup': { kept: 1, ...reading },
  probe: { kept: 1, ...reading },
};

/** The purpose of work, where its statements do not show it. */
interface Aim {
  readonly isProbe?: true;
  readonly isLookAtViewers?: true;
  readonly isChange?: true;
  readonly leavesEnrollments?: true;
}

const aims = new AsyncLocalStorage<Aim>();

/** Runs work whose statements outside of transactions take slots as probes. */
export function asProbe<Result>(work: () => Result): Result {
  return aims.run({ isProbe: true }, work);
}

/** Runs a lookup of the users who send requests: each request with a token may wait for it. */
export function asViewerLookup<Result>(work: () => Result): Result {
  return aims.run({ isLookAtViewers: true }, work);
}

/**
 * Runs work for which a change waits: its reads outside of a transaction use the connections of changes, however many
 * slow readers there are.
 */
export function forChange<Result>(work: () => Result): Result {
  return aims.run({ ...aims.getStore(), isChange: true }, work);
}

/**
 * Runs work whose transactions need no enrollments: they get a connection however many transactions wait for that
 * table.
 */
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
 * Returns the lane of a statement outside of a transaction. A statement that needs several tables has the lane of the
 * first one in this order, because most others wait for that table.
 */
export function laneOf(purpose: Purpose, sql: string): Lane {
  if (purpose === 'probe') return purpose;
  if (aims.getStore()?.isLookAtViewers) return 'viewer lookup';
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
