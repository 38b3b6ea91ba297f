import type { Key } from '../entities/index.js';
import { ClientQuota, type QuotaLimits } from './client-quota.js';
import { MAX_COURSES_OF_SUBSCRIPTION } from './initial-courses.js';
import type { Subscriber } from './subscriber.js';
import { SubscriptionRefused } from './subscription-refused.js';
import { CourseCountsSubscription } from './subscription.js';
import { WatchedCourses } from './watched-courses.js';

/** The most subscriptions of one connection, which is a WebSocket. */
export const MAX_SUBSCRIPTIONS_OF_CONNECTION = 50;
/** The courses of a subscription for which there is room on average; the quota of courses follows from it. */
const AVERAGE_COURSES_OF_SUBSCRIPTION = 400;

/** The open subscriptions of one server, within the quotas of their clients. */
export class Subscriptions {
  readonly #open = new Map<CourseCountsSubscription, Subscriber>();
  readonly #ofSubscribers = new Map<Subscriber, Set<CourseCountsSubscription>>();
  readonly #watched = new WatchedCourses();
  readonly #quota: ClientQuota;
  readonly #courseQuota: ClientQuota;

  /** Takes the limits of subscriptions, and what to call when the last one has ended. */
  constructor(
    limits: QuotaLimits,
    private readonly onEmpty: () => void,
  ) {
    this.#quota = new ClientQuota('subscriptions', limits, 'End one, or name more courses in one.');
    const ofCourses = Object.fromEntries(
      Object.entries(limits).map(([of, limit]) => [of, limit * AVERAGE_COURSES_OF_SUBSCRIPTION]),
    ) as unknown as QuotaLimits;
    this.#courseQuota = new ClientQuota('courses in subscriptions', ofCourses, 'Name only the courses that you show.');
  }

  /** Each open subscription with its subscriber; the map changes as subscriptions begin and end. */
  get open(): ReadonlyMap<CourseCountsSubscription, Subscriber> {
    return this.#open;
  }

  /** Returns the subscriptions of one subscriber. */
  of(subscriber: Subscriber): ReadonlySet<CourseCountsSubscription> {
    return this.#ofSubscribers.get(subscriber) ?? new Set();
  }

  /** Returns the ids of the courses that any subscription watches; null: all. */
  watchedIds(): ReadonlySet<Key> | null {
    return this.#watched.ids();
  }

  /** Returns true if any subscription watches all courses, apart from the given one. */
  watchAll(except?: CourseCountsSubscription): boolean {
    return this.#watched.ofAll > (except && this.#open.has(except) && except.courseIds === null ? 1 : 0);
  }

  /**
   * Adds a subscription to the named courses, or to all (null). It counts from now until it ends: a client may reuse
   * the id of one that has not ended. Errors: SubscriptionRefused.
   */
  add(subscriber: Subscriber, courseIds: ReadonlySet<Key> | null): CourseCountsSubscription {
    const ofSubscriber = this.#ofSubscribers.get(subscriber) ?? new Set();
    if (ofSubscriber.size >= MAX_SUBSCRIPTIONS_OF_CONNECTION)
      throw new SubscriptionRefused(
        'TOO_MANY_SUBSCRIPTIONS',
        `This connection would have ${MAX_SUBSCRIPTIONS_OF_CONNECTION + 1} subscriptions, and ${MAX_SUBSCRIPTIONS_OF_CONNECTION} are allowed. End one, or name more courses in one.`,
      );
    const subscription = new CourseCountsSubscription(courseIds, subscriber.sendQueue, ended => this.#remove(ended));
    try {
      subscription.releaseAtEnd(this.#quota.acquire(subscriber));
      // A longer list is refused for its length, whatever is left of the client's quota.
      if (courseIds && courseIds.size <= MAX_COURSES_OF_SUBSCRIPTION)
        this.reserveCourses(subscription, subscriber, courseIds.size);
    } catch (error) {
      subscription.end();
      throw error;
    }
    this.#open.set(subscription, subscriber);
    this.#ofSubscribers.set(subscriber, ofSubscriber.add(subscription));
    this.#watched.add(courseIds);
    return subscription;
  }

  /** Reserves courses for a subscription until it ends. Errors: SubscriptionRefused. */
  reserveCourses(subscription: CourseCountsSubscription, subscriber: Subscriber, courses: number): void {
    subscription.releaseAtEnd(this.#courseQuota.acquire(subscriber, courses));
  }

  /** Ends all subscriptions. */
  endAll(): void {
    for (const subscription of this.#open.keys()) subscription.end();
  }

  #remove(subscription: CourseCountsSubscription): void {
    const subscriber = this.#open.get(subscription);
    if (!subscriber) return;
    this.#open.delete(subscription);
    this.#watched.remove(subscription.courseIds);
    const ofSubscriber = this.#ofSubscribers.get(subscriber)!;
    ofSubscriber.delete(subscription);
    if (ofSubscriber.size === 0) this.#ofSubscribers.delete(subscriber);
    if (this.#open.size === 0) this.onEmpty();
  }
}
