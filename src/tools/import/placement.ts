import { EnrollmentStatus } from '../../entities/index.js';

/** An enrollment whose course and student are known. */
export interface Placement {
  readonly file: string;
  readonly line: number;
  readonly courseId: number;
  readonly studentId: number;
  readonly status: EnrollmentStatus;
  readonly enrolledAt: Date;
}

/** The outcome of some placements. */
export interface Decision {
  readonly add: readonly Placement[];
  readonly alreadyThere: number;
  /** Those that would bring ACTIVE enrollments above their course's capacity. */
  readonly full: readonly Placement[];
}

/** Returns the key of a course and a student, who have one enrollment at most. */
export function pairOf({ courseId, studentId }: { readonly courseId: number; readonly studentId: number }): string {
  return `${courseId}:${studentId}`;
}

/**
 * Decides in the order given: a pair that is taken is there already, a seat that is free is taken; `taken` and `free`
 * follow.
 */
export function decisionOn(placements: readonly Placement[], taken: Set<string>, free: Map<number, number>): Decision {
  const add: Placement[] = [];
  const full: Placement[] = [];
  for (const placement of placements) {
    const pair = pairOf(placement);
    if (taken.has(pair)) continue;
    const seat = placement.status === EnrollmentStatus.ACTIVE ? 1 : 0;
    const left = (free.get(placement.courseId) ?? 0) - seat;
    if (seat > 0 && left < 0) {
      full.push(placement);
      continue;
    }
    free.set(placement.courseId, left);
    taken.add(pair);
    add.push(placement);
  }
  return { add, alreadyThere: placements.length - add.length - full.length, full };
}
