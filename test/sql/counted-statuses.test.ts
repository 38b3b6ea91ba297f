import { expect, it } from 'vitest';
import type { Counter } from 'mikro-orm-counters';
import { countedStatuses, Enrollment, EnrollmentStatus } from '../../src/entities/index.js';

const { ACTIVE, COMPLETED, DROPPED, SUSPENDED } = EnrollmentStatus;

/** Returns a counter with a condition. */
function counting(where: unknown): Counter {
  return { counted: Enrollment, by: 'course', into: 'someEnrollments', where } as Counter;
}

it.each([
  [undefined, null],
  [{}, null],
  [{ status: DROPPED }, [DROPPED]],
  [{ status: [DROPPED, ACTIVE] }, [ACTIVE, DROPPED]],
  [{ status: { $eq: COMPLETED } }, [COMPLETED]],
  [{ status: { $in: [SUSPENDED] } }, [SUSPENDED]],
  [{ status: { $ne: ACTIVE } }, [COMPLETED, DROPPED, SUSPENDED]],
  [{ status: { $nin: [ACTIVE, DROPPED] } }, [COMPLETED, SUSPENDED]],
  [{ status: { $in: [ACTIVE, DROPPED], $ne: ACTIVE } }, [DROPPED]],
])('a counter with the condition %o counts the statuses that it names', (where, statuses) => {
  const counted = countedStatuses(counting(where));
  expect(counted && new Set(counted)).toEqual(statuses && new Set(statuses));
});

it.each([
  [{ enrolledAt: { $gt: new Date() } }, 'The counter someEnrollments has a condition on enrolledAt.'],
  [{ $or: [{ status: ACTIVE }] }, 'The counter someEnrollments has a condition on $or.'],
  [{ status: { $gt: ACTIVE } }, 'The counter someEnrollments has the operator $gt on the status.'],
])(
  'a counter with the condition %o is refused, because SQL that runs without Rollcall cannot say it',
  (where, text) => {
    expect(() => countedStatuses(counting(where))).toThrow(text);
  },
);
