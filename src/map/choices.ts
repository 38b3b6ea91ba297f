import { CourseStatus, EnrollmentStatus, Role } from '../entities/index.js';
import type { MapPart } from './map-form.js';

/** The mark before a value of theirs that means none of ours, so that it equals none of ours. */
export const UNKNOWN_MARK = '?';

/** Returns a value of theirs that means none of ours; null for a value of ours. */
export function unknownValueIn(value: string): string | null {
  return value.startsWith(UNKNOWN_MARK) ? value.slice(UNKNOWN_MARK.length) : null;
}

/**
 * The moment of a row of theirs that has none, or one that no calendar has: the first that every database holds. Lists
 * in the order of moments then have all rows.
 */
export const UNKNOWN_MOMENT = new Date('1000-01-01T00:00:00.000Z');

/** Returns true for the moment of a row of theirs that has none. */
export function isUnknownMoment(moment: Date): boolean {
  return moment.valueOf() === UNKNOWN_MOMENT.valueOf();
}

/** The names of values, as a map has them, with the values that we store. */
export type Choices = Readonly<Record<string, string | boolean>>;

const truths: Choices = { true: true, false: false };

const byProperty: Readonly<Record<MapPart, Readonly<Record<string, Choices>>>> = {
  users: { role: Role },
  courses: { status: CourseStatus, isPublished: truths },
  enrollments: { status: EnrollmentStatus },
};

/** Returns the values that a property can have, by their names in a map; null if it can have any. */
export function choicesOf(part: MapPart, property: string): Choices | null {
  return byProperty[part][property] ?? null;
}
