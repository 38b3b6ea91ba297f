import type { RequiredEntityData } from '@mikro-orm/core';
import { EnrollmentStatus, type Enrollment, type Key } from '../../entities/index.js';
import type { Random } from './random.js';
import type { CoursePlan } from './sample-courses.js';

/** Returns the enrollments of a course's plan, each student once, earliest first. */
export function sampleEnrollments(
  random: Random,
  plan: CoursePlan,
  course: Key,
  students: readonly Key[],
): RequiredEntityData<Enrollment>[] {
  const statuses = random.shuffled(
    Object.values(EnrollmentStatus).flatMap(status => Array<EnrollmentStatus>(plan.enrollments[status]).fill(status)),
  );
  const span = plan.closedAt.getTime() - plan.createdAt.getTime();
  // Most students enroll soon after a course opens.
  const moments = statuses
    .map(() => plan.createdAt.getTime() + Math.floor(span * random.next() ** 2))
    .toSorted((a, b) => a - b);
  return random.sample(statuses.length, students.length).map((student, index) => {
    const enrolledAt = new Date(moments[index]!);
    return { course, student: students[student]!, status: statuses[index]!, enrolledAt, updatedAt: enrolledAt };
  });
}
