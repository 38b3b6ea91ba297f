import type { Database } from '../../database/database.js';
import { courseAudience, coursesById, courseStateOf, courseStates, type CourseRow } from '../reader/index.js';
import { rejection } from '../token-error.js';
import type { Viewer } from '../viewer.js';
import { KnownStates } from './known-states.js';
import { clock, type Pace } from './pace.js';
import { presentCourses, SubscriptionRefused } from './present-courses.js';
import { CourseCountsSubscription } from './subscription.js';

/** Lists the protocols by which subscriptions come: server-sent events and WebSocket. */
export const protocols = ['sse', 'ws'] as const;

/** Says who listens: by which protocol, as whom, and until when, in milliseconds since 1970; null: for good. */
export interface Listener {
  readonly protocol: (typeof protocols)[number];
  readonly viewer: Viewer | null;
  readonly expiresAt: number | null;
}

/** Is the least time between two looks at the database, in milliseconds: so also between two messages about one course. */
export const INTERVAL = 300;
/** Says how many times as long as a look has taken the pause after it is at least, so that looking never keeps a database busy. */
const REST = 4;
/** Limits the subscriptions of one server. */
const MOST_SUBSCRIPTIONS = 5000;
/** Limits the subscriptions of one listener, a WebSocket. */
export const MOST_OF_ONE = 50;
/** Limits the rows that one statement reads. */
const MOST_ROWS = 1000;

/**
 * Tells the subscriptions of one server what is committed to the stored counts, whoever has written it: while there are
 * any it looks at the courses that they watch, with one statement at a time; while there are none it does nothing.
 */
export class LiveCounts {
  readonly #subscriptions = new Map<CourseCountsSubscription, Listener>();
  readonly #known = new KnownStates();
  /** Ends the looking that is under way. */
  #looking: AbortController | null = null;
  #ended = false;

  /** Takes where the counts are, and whom to tell when they cannot be read (once), and when they can be again (null). */
  constructor(
    private readonly database: Database,
    private readonly onTrouble: (error: unknown) => void,
    private readonly pace: Pace = clock,
  ) {}

  /** Gives how many subscriptions there are by a protocol. */
  count(protocol: Listener['protocol']): number {
    return this.#countOf(listener => listener.protocol === protocol);
  }

  /** Subscribes to the named courses, or to all that the viewer sees. Errors: SubscriptionRefused. */
  async subscribe(listener: Listener, courseIds: readonly number[] | null): Promise<CourseCountsSubscription> {
    if (this.#subscriptions.size >= MOST_SUBSCRIPTIONS) throw new SubscriptionRefused('TOO_MANY_SUBSCRIPTIONS', `This server has ${MOST_SUBSCRIPTIONS} subscriptions and takes no more. Try again later.`);
    // Here, where one counts from its first moment to its last: a client may give the same id to one after another.
    if (this.#countOf(one => one === listener) >= MOST_OF_ONE) throw new SubscriptionRefused('TOO_MANY_SUBSCRIPTIONS', `This connection has ${MOST_OF_ONE} subscriptions and takes no more. End one, or name more courses in one.`);
    const isFirstOfAll = courseIds === null && !this.#watchesAll();
    const subscription = new CourseCountsSubscription(courseIds && new Set(courseIds), one => this.#leave(one));
    // Before anything is read: whatever looks find from now on is offered to it too, so nothing falls between the two.
    this.#subscriptions.set(subscription, listener);
    try {
      // Else the first look would read every course that the viewer does not see.
      if (isFirstOfAll) this.#known.add(await courseStates(this.database, null), this.#watchesAll(subscription));
      const courses = await presentCourses(this.database, listener.viewer, courseIds);
      this.#known.add(courses.map(course => [course.id, courseStateOf(course)]), this.#watchesAll(subscription));
      subscription.begin(courses);
    } catch (error) {
      subscription.end();
      throw error;
    }
    if (this.#ended) subscription.end();
    // None is left where it ended as it began, with its listener or its token.
    else if (!this.#looking && this.#subscriptions.size > 0) void this.#look((this.#looking = new AbortController()).signal);
    return subscription;
  }

  /** Ends the subscriptions of a listener who has gone, those that are about to begin too. */
  endOf(listener: Listener): void {
    for (const [subscription, one] of this.#subscriptions) if (one === listener) subscription.end();
  }

  /** Ends all subscriptions, and those to come. */
  end(): void {
    this.#ended = true;
    for (const subscription of this.#subscriptions.keys()) subscription.end();
  }

  /** Tells whether any subscription, but for one, is to all courses. */
  #watchesAll(but?: CourseCountsSubscription): boolean {
    for (const one of this.#subscriptions.keys()) if (one !== but && one.courseIds === null) return true;
    return false;
  }

  #countOf(isCounted: (listener: Listener) => boolean): number {
    let count = 0;
    for (const listener of this.#subscriptions.values()) if (isCounted(listener)) count += 1;
    return count;
  }

  #leave(subscription: CourseCountsSubscription): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size > 0) return;
    this.#looking?.abort();
    this.#looking = null;
    this.#known.clear();
  }

  async #look(end: AbortSignal): Promise<void> {
    let took = 0;
    let trouble = false;
    for (;;) {
      await this.pace.pause(Math.max(INTERVAL, took * REST), end);
      this.#endExpired();
      if (end.aborted) return;
      const start = this.pace.elapsed();
      try {
        await this.#tell();
        if (trouble) this.onTrouble(null);
        trouble = false;
      } catch (error) {
        // Who has nobody to tell need not know: a server that stops closes its database.
        if (!trouble && !end.aborted) this.onTrouble(error);
        trouble = true;
      }
      took = this.pace.elapsed() - start;
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
    const asked = this.#watchesAll() ? null : new Set([...audience.keys()].flatMap(({ courseIds }) => [...courseIds!]));
    const states = await courseStates(this.database, asked && [...asked]);
    const ids = this.#known.changedIn(states, asked);
    if (ids.length === 0) return;
    const rows = await this.#rows(ids.filter(id => states.has(id)));
    const sees = await courseAudience(this.database, [...audience.values()].map(({ viewer }) => viewer), [...rows.values()]);
    // Who has subscribed meanwhile may have read what was before, and is offered it by the next look.
    this.#known.replace(ids, rows, [...this.#subscriptions.keys()].every(one => audience.has(one)));
    for (const [subscription, { viewer }] of audience) {
      for (const id of subscription.watchedOf(ids)) {
        const row = rows.get(id);
        subscription.offer(id, row && sees(viewer, row) ? row : null);
      }
    }
  }

  async #rows(ids: readonly number[]): Promise<Map<number, CourseRow>> {
    const rows = new Map<number, CourseRow>();
    for (let from = 0; from < ids.length; from += MOST_ROWS) {
      for (const row of await coursesById(this.database, 'anyone', ids.slice(from, from + MOST_ROWS))) if (row) rows.set(row.id, row);
    }
    return rows;
  }
}
