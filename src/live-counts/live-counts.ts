import { setImmediate } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { withoutLimit } from '../database/time-limits/time-limit.js';
import { courseAudience, coursesById, courseStateOf, courseStates, type CourseRow } from '../reading/index.js';
import { rejection } from '../access/token-error.js';
import { KnownStates } from './known-states.js';
import type { Outlet } from './outlet.js';
import type { Pace } from './pace.js';
import { MAX_COURSES_OF_SUBSCRIPTION, presentCourses } from './present-courses.js';
import { SharedRows } from './shared-rows.js';
import { Shares, type Holder, type ShareLimits } from './shares.js';
import { CourseCountsSubscription } from './subscription.js';
import { SubscriptionRefused } from './subscription-refused.js';
import { WatchedCourses } from './watched-courses.js';

/** Lists the protocols by which subscriptions come: server-sent events and WebSocket. */
export const protocols = ['sse', 'ws'] as const;

/**
 * Says who listens: by which protocol, as whom, from where, and until when, in milliseconds since 1970; null: for good.
 */
export interface Listener extends Holder {
  readonly protocol: (typeof protocols)[number];
  readonly expiresAt: number | null;
  /** The way by which its messages leave. */
  readonly outlet: Outlet;
  /** Aborted when the client has gone. */
  readonly gone: AbortSignal;
}

/**
 * Is the least time between two looks at the database, in milliseconds: so also between two messages about one course.
 */
const INTERVAL = 300;
/**
 * Says how many times as long as looks take the pause after one is at least, so that looking never keeps a database
 * busy.
 */
const REST = 4;
/** Limits that pause, in milliseconds. */
const MAX_REST = 5000;
/** Limits the subscriptions of one listener, a WebSocket. */
export const MOST_OF_ONE = 50;
/** Says for how many courses a subscription has room on average, by which the courses in all of them are limited. */
const COURSES_PER_SUBSCRIPTION = 400;
/**
 * Limits the offers of changes that are made before the event loop goes on to other work; each takes less than 1 µs.
 */
const MAX_OFFERS_AT_ONCE = 10_000;
/** Limits the rows that one statement reads. */
const MOST_ROWS = 1000;

/**
 * Tells the subscriptions of one server what is committed to the stored counts, whoever has written it: while there are
 * any it looks at the courses that they watch, with one statement at a time; while there are none it does nothing.
 */
export class LiveCounts {
  readonly #subscriptions = new Map<CourseCountsSubscription, Listener>();
  readonly #ofListeners = new Map<Listener, Set<CourseCountsSubscription>>();
  readonly #watched = new WatchedCourses();
  readonly #known = new KnownStates();
  readonly #sharedRows = new SharedRows();
  readonly #shares: Shares;
  readonly #courseShares: Shares;
  /** Ends the looking that is under way. */
  #looking: AbortController | null = null;
  #ended = false;

  /**
   * Takes where the counts are, whom to tell when they cannot be read (once) and when they can be again (null), and how
   * many subscriptions clients may have.
   */
  constructor(
    private readonly database: Database,
    private readonly onTrouble: (error: unknown) => void,
    private readonly pace: Pace,
    limits: ShareLimits,
  ) {
    this.#shares = new Shares('subscriptions', limits, 'End one, or name more courses in one.');
    const ofCourses = Object.fromEntries(
      Object.entries(limits).map(([of, limit]) => [of, limit * COURSES_PER_SUBSCRIPTION]),
    ) as unknown as ShareLimits;
    this.#courseShares = new Shares('courses in subscriptions', ofCourses, 'Name only the courses that you show.');
  }

  /** Gives how many subscriptions there are by a protocol. */
  count(protocol: Listener['protocol']): number {
    let count = 0;
    for (const listener of this.#subscriptions.values()) if (listener.protocol === protocol) count += 1;
    return count;
  }

  /** Returns true where a listener has any subscription, one that is about to begin too. */
  has(listener: Listener): boolean {
    return this.#ofListeners.has(listener);
  }

  /** Subscribes to the named courses, or to all that the viewer sees. Errors: SubscriptionRefused. */
  async subscribe(listener: Listener, courseIds: readonly number[] | null): Promise<CourseCountsSubscription> {
    const subscription = this.#enter(listener, courseIds && new Set(courseIds));
    try {
      // Else the first look would read every course that the viewer does not see.
      if (courseIds === null && !this.#watchesAll(subscription))
        this.#known.add(await courseStates(this.database, null), this.#watchesAll(subscription));
      const courses = await presentCourses(this.database, listener.viewer, courseIds);
      if (courseIds === null) subscription.hold(this.#courseShares.take(listener, courses.length));
      this.#known.add(
        courses.map(course => [course.id, courseStateOf(course)]),
        this.#watchesAll(subscription),
      );
      subscription.begin(courses.map(course => this.#sharedRows.of(course)));
    } catch (error) {
      subscription.end();
      throw error;
    }
    if (this.#ended) subscription.end();
    // None is left where it ended as it began, with its listener or its token.
    else if (!this.#looking && this.#subscriptions.size > 0) {
      const { signal } = (this.#looking = new AbortController());
      // For all subscriptions, whoever comes first: so without the limit of that one's first look.
      void withoutLimit(() => this.#look(signal));
    }
    return subscription;
  }

  /**
   * Counts a subscription from its first moment to its last: a client may give the same id to one after another.
   * Errors: SubscriptionRefused.
   */
  #enter(listener: Listener, courseIds: ReadonlySet<number> | null): CourseCountsSubscription {
    const ofListener = this.#ofListeners.get(listener) ?? new Set();
    if (ofListener.size >= MOST_OF_ONE)
      throw new SubscriptionRefused(
        'TOO_MANY_SUBSCRIPTIONS',
        `This connection would have ${MOST_OF_ONE + 1} subscriptions, and ${MOST_OF_ONE} are allowed. End one, or name more courses in one.`,
      );
    const subscription = new CourseCountsSubscription(courseIds, listener.outlet, one => this.#leave(one));
    try {
      subscription.hold(this.#shares.take(listener));
      // A longer list is refused for its length, however many courses are left to its client.
      if (courseIds && courseIds.size <= MAX_COURSES_OF_SUBSCRIPTION)
        subscription.hold(this.#courseShares.take(listener, courseIds.size));
    } catch (error) {
      subscription.end();
      throw error;
    }
    // Before anything is read: whatever looks find from now on is offered to it too, so nothing falls between the two.
    this.#subscriptions.set(subscription, listener);
    this.#ofListeners.set(listener, ofListener.add(subscription));
    this.#watched.add(courseIds);
    return subscription;
  }

  /**
   * Ends the subscriptions of a listener, those that are about to begin too; they learn of the error, if there is one.
   */
  endOf(listener: Listener, error: Error | null = null): void {
    for (const subscription of this.#ofListeners.get(listener) ?? []) subscription.end(error);
  }

  /** Ends all subscriptions, and those to come. */
  end(): void {
    this.#ended = true;
    for (const subscription of this.#subscriptions.keys()) subscription.end();
  }

  /** Tells whether any subscription, but for one, is to all courses. */
  #watchesAll(but?: CourseCountsSubscription): boolean {
    return this.#watched.ofAll > (but && this.#subscriptions.has(but) && but.courseIds === null ? 1 : 0);
  }

  #leave(subscription: CourseCountsSubscription): void {
    const listener = this.#subscriptions.get(subscription);
    if (!listener) return;
    this.#subscriptions.delete(subscription);
    this.#watched.remove(subscription.courseIds);
    const ofListener = this.#ofListeners.get(listener)!;
    ofListener.delete(subscription);
    if (ofListener.size === 0) this.#ofListeners.delete(listener);
    if (this.#subscriptions.size > 0) return;
    this.#looking?.abort();
    this.#looking = null;
    this.#known.clear();
    this.#sharedRows.clear();
  }

  async #look(end: AbortSignal): Promise<void> {
    // How long the last two looks took. One that waited, for a database that hung or for a lock, took long only once,
    // so the shorter tells.
    let took: readonly [number, number] = [0, 0];
    let trouble = false;
    for (;;) {
      await this.pace.pause(Math.max(INTERVAL, Math.min(...took, MAX_REST / REST) * REST), end);
      this.#endExpired();
      if (end.aborted) return;
      const start = this.pace.elapsed();
      try {
        await this.#tell();
        took = [took[1], this.pace.elapsed() - start];
        if (trouble) this.onTrouble(null);
        trouble = false;
      } catch (error) {
        // Who has nobody to tell need not know: a server that stops closes its database.
        if (!trouble && !end.aborted) this.onTrouble(error);
        trouble = true;
      }
    }
  }

  #endExpired(): void {
    const now = this.pace.now();
    for (const [subscription, { expiresAt }] of this.#subscriptions) {
      if (expiresAt !== null && expiresAt <= now) subscription.end(rejection('The token has expired. Get a new one.'));
    }
  }

  /** Looks once, and offers each subscription what has changed. */
  async #tell(): Promise<void> {
    const audience = new Map(this.#subscriptions);
    const asked = this.#watched.ids();
    const states = await courseStates(this.database, asked && [...asked]);
    const ids = this.#known.changedIn(states, asked);
    if (ids.length === 0) return;
    const rows = await this.#rows(ids.filter(id => states.has(id)));
    for (const id of ids) if (!rows.has(id)) this.#sharedRows.delete(id);
    const sees = await courseAudience(
      this.database,
      [...audience.values()].map(({ viewer }) => viewer),
      [...rows.values()],
    );
    // Who has subscribed meanwhile may have read what was before, and is offered it by the next look.
    this.#known.replace(
      ids,
      rows,
      [...this.#subscriptions.keys()].every(one => audience.has(one)),
    );
    let offers = 0;
    for (const [subscription, { viewer }] of audience) {
      for (const id of subscription.watchedOf(ids)) {
        const row = rows.get(id);
        subscription.offer(id, row && sees(viewer, row) ? row : null);
      }
      if ((offers += ids.length) < MAX_OFFERS_AT_ONCE) continue;
      offers = 0;
      await setImmediate();
    }
  }

  async #rows(ids: readonly number[]): Promise<Map<number, CourseRow>> {
    const rows = new Map<number, CourseRow>();
    for (let from = 0; from < ids.length; from += MOST_ROWS) {
      for (const row of await coursesById(this.database, 'anyone', ids.slice(from, from + MOST_ROWS)))
        if (row) rows.set(row.id, this.#sharedRows.of(row));
    }
    return rows;
  }
}
