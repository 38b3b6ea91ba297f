/** Tells subscribers the stored counts of courses as they are committed. */
export { LiveCounts, MOST_OF_ONE, protocols, type Listener } from './live-counts.js';
export { Outlet } from './outlet.js';
export { clock, type Pace } from './pace.js';
export { MAX_COURSES_OF_SUBSCRIPTION } from './present-courses.js';
export { shareLimits, Shares, type ShareLimits } from './shares.js';
export { CourseCountsSubscription, type CourseCountsChange } from './subscription.js';
export { SubscriptionRefused } from './subscription-refused.js';
export { Turns } from './turns.js';
