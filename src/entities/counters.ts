import { defineCounter, exactNumber, type Counter, type CountValue } from 'mikro-orm-counters';
import { Enrollment } from './enrollment.js';
import { EnrollmentStatus } from './values.js';

/** A stored count of courses, and what the API says of the field that shows it. */
interface StoredCount {
  readonly counter: Counter;
  readonly description: string;
}

/** The stored counts of courses; docs/architecture.md says what else a new one takes. */
export const storedCounts: readonly StoredCount[] = [
  {
    counter: defineCounter({ counted: Enrollment, by: 'course', into: 'totalEnrollments' }),
    description: 'The stored count of all enrollments, whatever their status.',
  },
  {
    counter: defineCounter({
      counted: Enrollment,
      by: 'course',
      into: 'activeEnrollments',
      where: { status: EnrollmentStatus.ACTIVE },
    }),
    description: 'The stored count of ACTIVE enrollments.',
  },
];

/** The counters of this application. */
export const counters = storedCounts.map(({ counter }) => counter);

/** Returns a count of the engine as the number that it is: the counters of this application sum no decimals. */
export function countOf(value: CountValue): number {
  return exactNumber(value, 'a stored count');
}
