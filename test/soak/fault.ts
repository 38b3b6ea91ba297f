import type { About } from './calls.ts';
import type { Kind, SoakDatabase } from './database.ts';
import type { Load } from './load.ts';
import type { Problems } from './problems.ts';
import type { Rollcall } from './rollcall.ts';
import type { Group } from './tally.ts';

/** What a fault acts on. */
export interface FaultContext {
  readonly database: SoakDatabase;
  readonly server: Rollcall;
  readonly load: Load;
  readonly problems: Problems;
  /** Permanent courses, ascending. */
  readonly courses: readonly string[];
  /** Starts another server on the same database. */
  readonly startAnother: () => Promise<Rollcall>;
}

/** The codes that callers of one group may get instead of their answer. */
export interface AllowedCodes {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** A fault that a soak can provoke. */
export interface Fault {
  readonly name: string;
  /** A description of the fault. */
  readonly does: string;
  readonly on: readonly Kind[];
  /** Whether it can only be provoked where the soak has started the database's server. */
  readonly needsOwnServer?: true;
  /** Its duration by default, in seconds. */
  readonly seconds: number;
  /** Whether it affects a call; other calls must be answered without an error, unless `untouched` allows one. */
  readonly touches: (about: About, context: FaultContext) => boolean;
  readonly touched: AllowedCodes;
  readonly untouched?: AllowedCodes;
  /**
   * The part of the changes of other courses that may be told that the server is busy: they wait behind a change that
   * moves a student between their course and an affected one.
   */
  readonly joined?: number;
  /** The status of /readyz while it lasts; null: either. */
  readonly ready: 200 | 503 | null;
  /** The kinds of fault about which the log may warn. */
  readonly logged: readonly string[];
  /** Whether callers get codes because of it. */
  readonly isVisible: boolean;
  /** The time after its end within which the server must recover, in seconds. */
  readonly recoversWithin: number;
  /** Begins it, and returns a function that ends it. */
  readonly begin: (context: FaultContext) => Promise<() => Promise<void>>;
}

/** No codes: every caller is answered. */
export const noCodes: AllowedCodes = { read: [], write: [] };

/** Returns why a fault cannot be provoked on a database, which the soak may have started itself; null: it can. */
export function obstacle(fault: Fault, kind: Kind, isOwn: boolean): string | null {
  if (!fault.on.includes(kind)) return `there is no such fault of ${kind}`;
  return fault.needsOwnServer && !isOwn ? 'it needs a database that the soak has started itself' : null;
}

/** Returns the codes that callers of a group may get during a fault. */
export function allowedCodes(fault: Fault, group: Group): AllowedCodes {
  return group === 'touched' ? fault.touched : (fault.untouched ?? noCodes);
}
