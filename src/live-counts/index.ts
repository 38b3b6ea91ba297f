/**
 * Subscriptions to the stored counts of courses as they are committed.
 *
 * `live-counts.ts` is their entry: it polls the courses that subscriptions watch and offers each subscription what has
 * changed. `poller.ts` is when to poll, `reported-states.ts` what subscribers know already, `initial-courses.ts` with
 * what a subscription begins. `subscriptions.ts` are the open ones, `subscription.ts` is one, and `send-queue.ts` the
 * order of one client's messages. `client-quota.ts` limits what a client may use.
 */
export { ClientQuota, quotaLimits, type QuotaLimits } from './client-quota.js';
export { systemClock, type Clock } from './clock.js';
export { MAX_COURSES_OF_SUBSCRIPTION } from './initial-courses.js';
export { LiveCounts } from './live-counts.js';
export { SendQueue } from './send-queue.js';
export { protocols, type Subscriber } from './subscriber.js';
export { CourseCountsSubscription, type CourseCountsChange } from './subscription.js';
export { SubscriptionRefused } from './subscription-refused.js';
export { MAX_SUBSCRIPTIONS_OF_CONNECTION } from './subscriptions.js';
