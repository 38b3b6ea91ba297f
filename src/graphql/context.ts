import type { Database } from '../database/database.js';
import { currentLimit } from '../database/time-limits/time-limit.js';
import type { LiveCounts, Subscriber } from '../live-counts/index.js';
import type { Problem } from '../use-cases/outcome.js';
import type { BackgroundRuns } from '../recounts/index.js';
import type { Viewer } from '../access/viewer.js';
import { loadersFor, type Loaders } from './lists/loaders.js';
import { allProperties, type SelectedProperties } from './lists/selected-properties.js';

/** The context that all resolvers of one request share. */
export interface Context {
  readonly database: Database;
  /** The signed-in viewer; null: anonymous. */
  readonly viewer: Viewer | null;
  readonly loaders: Loaders;
  /** Returns the properties of an entity that the operation selects; all of them until the operation is known. */
  readonly selected: SelectedProperties;
  /** Makes known what the operation selects. */
  readonly select: (properties: SelectedProperties) => void;
  /** The codes of the userErrors that the request's mutations have returned so far. */
  readonly userErrorCodes: readonly string[];
  /** Returns problems as a payload's userErrors, and records their codes. */
  readonly tell: (problems: readonly Problem[]) => Problem[];
  /** The background work on runs that requests start. */
  readonly runs: BackgroundRuns;
  /**
   * The live counts and the connection that subscribes to them; null: the request came by a protocol without
   * subscriptions.
   */
  readonly live: { readonly counts: LiveCounts; readonly subscriber: Subscriber } | null;
  /**
   * Aborted when the request's time is over or its client has gone; what reads and writes the database stops by itself
   * then.
   */
  readonly signal: AbortSignal;
}

/** The signal of what has no time limit: subscriptions, once they have begun. */
const NEVER = new AbortController().signal;

/** Makes the context of one request. */
export function contextFor(
  database: Database,
  viewer: Viewer | null,
  runs: BackgroundRuns,
  live: Context['live'] = null,
): Context {
  const userErrorCodes: string[] = [];
  const limit = currentLimit();
  // Not a property of the context, of which Apollo makes a copy.
  let selection = allProperties;
  const selected: SelectedProperties = entity => selection(entity);
  return {
    database,
    viewer,
    runs,
    live,
    get signal() {
      return limit?.signal ?? NEVER;
    },
    loaders: loadersFor(database, viewer, selected),
    selected,
    select: properties => void (selection = properties),
    userErrorCodes,
    tell(problems) {
      userErrorCodes.push(...problems.map(({ code }) => code));
      return [...problems];
    },
  };
}
