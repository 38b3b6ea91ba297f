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

/**
 * Returns the statuses of the enrollments that a counter counts; null: all enrollments. Errors: Error for a condition on
 * anything else, because what does not know the engine's conditions counts too: SQL scripts, and the check of another
 * application's counts.
 */
export function countedStatuses({ into, where }: Counter): readonly EnrollmentStatus[] | null {
  const { status, ...others }: Readonly<Record<string, unknown>> = where ?? {};
  if (Object.keys(others).length > 0)
    throw new Error(
      `The counter ${into} has a condition on ${Object.keys(others).join(', ')}. Only the status can decide here; give "status" one value, a list, $eq, $ne, $in or $nin.`,
    );
  if (status === undefined) return null;
  const operators = (typeof status === 'string' || Array.isArray(status) ? { $in: status } : status) as Readonly<
    Record<string, unknown>
  >;
  return Object.entries(operators).reduce<readonly EnrollmentStatus[]>((counted, [operator, operand]) => {
    const values = [operand].flat();
    if (operator === '$eq' || operator === '$in') return counted.filter(one => values.includes(one));
    if (operator === '$ne' || operator === '$nin') return counted.filter(one => !values.includes(one));
    throw new Error(
      `The counter ${into} has the operator ${operator} on the status. Give one value, a list, $eq, $ne, $in or $nin.`,
    );
  }, Object.values(EnrollmentStatus));
}

/** Returns a count of the engine as the number that it is: the counters of this application sum no decimals. */
export function countOf(value: CountValue): number {
  return exactNumber(value, 'a stored count');
}
