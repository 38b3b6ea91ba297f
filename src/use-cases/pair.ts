import type { PlainRow } from '../database/tables.js';
import type { Enrollment } from '../entities/index.js';

/** A student and a course, who have one enrollment at most. */
export type Pair = Pick<PlainRow<Enrollment>, 'courseId' | 'studentId'>;

/** Returns a pair as a text, by which sets and maps of pairs know it. */
export function pairOf({ courseId, studentId }: Pair): string {
  return `${courseId} ${studentId}`;
}
