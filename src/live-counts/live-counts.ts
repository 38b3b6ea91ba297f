import type { Key } from '../entities/index.js';
import { setImmediate } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { courseAudience, coursesById, courseStateOf, courseStates, type CourseRow } from '../reading/index.js';
import { rejection } from '../access/token-error.js';
import type { QuotaLimits } from './client-quota.js';
import type { Clock } from './clock.js';
import { checkAllCourses, initialCourses } from './initial-courses.js';
import { Poller } from './poller.js';
import { ReportedStates } from './reported-states.js';
import { SharedRows } from './shared-rows.js';
import type { Subscriber } from './subscriber.js';
import type { CourseCountsSubscription } from './subscription.js';
import { Subscriptions } from './subscriptions.js';

/**
 * The most changes that are offered to subscriptions in one turn of the event loop; each offer takes less than 1 µs.
 */
const MAX_OFFERS_PER_TURN = 10_000;
/** The most rows that one statement reads. */
const MAX_ROWS_PER_STATEMENT = 1000;

/**
 * The subscriptions of one server to stored counts as they are committed, by whatever program. While there are any, it
 * polls the courses that they watch, with one statement at a time; while there are none, it does nothing.
 */
export class LiveCounts {
  readonly #subscriptions: Subscriptions;
  readonly #poller: Poller;
  readonly #reported = new ReportedStates();
  readonly #sharedRows = new SharedRows();
  #ended = false;

  /**
   * Takes the database, what to call when the counts cannot be read (once, with the error) and when they can be read
   * again (with null), the clock, and how many subscriptions clients may have.
   */
  constructor(
    private readonly database: Database,
    onTrouble: (error: unknown) => void,
    private readonly clock: Clock,
    limits: QuotaLimits,
  ) {
    this.#subscriptions = new Subscriptions(limits, () => this.#rest());
    this.#poller = new Poller(clock, {
      beforePoll: () => this.#endExpired(),
      poll: () => this.#offerChanges(),
      onTrouble,
    });
  }

  /** Returns the number of subscriptions by a protocol. */
  count(protocol: Subscriber['protocol']): number {
    let count = 0;
    for (const subscriber of this.#subscriptions.open.values()) if (subscriber.protocol === protocol) count += 1;
    return count;
  }

  /** Returns true if a subscriber has any subscription, even one that is about to begin. */
  has(subscriber: Subscriber): boolean {
    return this.#subscriptions.of(subscriber).size > 0;
  }

  /** Subscribes to the named courses, or to all that the viewer sees (null). Errors: SubscriptionRefused. */
  async subscribe(subscriber: Subscriber, courseIds: readonly Key[] | null): Promise<CourseCountsSubscription> {
    // Before anything is read: whatever polls find from now on is offered to it too, so it misses no change.
    const subscription = this.#subscriptions.add(subscriber, courseIds && new Set(courseIds));
    try {
      // Otherwise the first poll would read every course that the viewer does not see.
      if (courseIds === null && !this.#subscriptions.watchAll(subscription)) {
        // Before all states are read, which would be in vain.
        await checkAllCourses(this.database, subscriber.viewer);
        this.#reported.add(await courseStates(this.database, null), this.#subscriptions.watchAll(subscription));
      }
      const courses = await initialCourses(this.database, subscriber.viewer, courseIds);
      if (courseIds === null) this.#subscriptions.reserveCourses(subscription, subscriber, courses.length);
      this.#reported.add(
        courses.map(course => [course.id, courseStateOf(course)]),
        this.#subscriptions.watchAll(subscription),
      );
      subscription.begin(courses.map(course => this.#sharedRows.of(course)));
    } catch (error) {
      subscription.end();
      throw error;
    }
    if (this.#ended) subscription.end();
    // There is none if this one ended while it began, with its connection or its token.
    else if (this.#subscriptions.open.size > 0) this.#poller.start();
    return subscription;
  }

  /**
   * Ends the subscriptions of a subscriber, also those that are about to begin; the client is sent the error, if there
   * is one.
   */
  endSubscriptionsOf(subscriber: Subscriber, error: Error | null = null): void {
    for (const subscription of this.#subscriptions.of(subscriber)) subscription.end(error);
  }

  /** Ends all subscriptions, and every later one as it begins. */
  end(): void {
    this.#ended = true;
    this.#subscriptions.endAll();
  }

  /** Stops polling after the last subscription. */
  #rest(): void {
    this.#poller.stop();
    this.#reported.clear();
    this.#sharedRows.clear();
  }

  #endExpired(): void {
    const now = this.clock.now();
    for (const [subscription, { expiresAt }] of this.#subscriptions.open) {
      if (expiresAt !== null && expiresAt <= now) subscription.end(rejection('The token has expired. Get a new one.'));
    }
  }

  /** Reads the watched courses, and offers each subscription those that have changed. */
  async #offerChanges(): Promise<void> {
    const audience = new Map(this.#subscriptions.open);
    const watched = this.#subscriptions.watchedIds();
    const states = await courseStates(this.database, watched && [...watched]);
    const ids = this.#reported.changedIn(states, watched);
    if (ids.length === 0) return;
    const rows = await this.#rows(ids.filter(id => states.has(id)));
    for (const id of ids) if (!rows.has(id)) this.#sharedRows.delete(id);
    const sees = await courseAudience(
      this.database,
      [...audience.values()].map(({ viewer }) => viewer),
      [...rows.values()],
    );
    // A client that has subscribed in the meantime may have read the old state; the next poll offers it the new one.
    this.#reported.replace(
      ids,
      rows,
      [...this.#subscriptions.open.keys()].every(one => audience.has(one)),
    );
    let offers = 0;
    for (const [subscription, { viewer }] of audience) {
      for (const id of subscription.watchedOf(ids)) {
        const row = rows.get(id);
        subscription.offer(id, row && sees(viewer, row) ? row : null);
      }
      if ((offers += ids.length) < MAX_OFFERS_PER_TURN) continue;
      offers = 0;
      await setImmediate();
    }
  }

  async #rows(ids: readonly Key[]): Promise<Map<Key, CourseRow>> {
    const rows = new Map<Key, CourseRow>();
    for (let from = 0; from < ids.length; from += MAX_ROWS_PER_STATEMENT) {
      for (const row of await coursesById(this.database, 'anyone', ids.slice(from, from + MAX_ROWS_PER_STATEMENT)))
        if (row) rows.set(row.id, this.#sharedRows.of(row));
    }
    return rows;
  }
}
