/** Tells subscribers the stored counts of courses as they are committed. */
export { INTERVAL, LiveCounts, MOST_OF_ONE, protocols, type Listener } from './live-counts.js';
export { clock, type Pace } from './pace.js';
export { MOST_COURSES, SubscriptionRefused } from './present-courses.js';
export { CourseCountsSubscription, type CourseCountsChange } from './subscription.js';
