import { CourseStatus, EnrollmentStatus, Role } from '../entities/index.js';
import type { MapPart } from './map-form.js';

/** The values of choices as our columns store them, by the names that a map has for them. */
export type OurValues = Readonly<Record<string, string>>;

const ourValues: Readonly<Record<MapPart, Readonly<Record<string, OurValues>>>> = {
  users: { role: Role },
  courses: { status: CourseStatus },
  enrollments: { status: EnrollmentStatus },
};

/** Returns the values of a property that is a choice; undefined: it is none. */
export function ourValuesOf(part: MapPart, property: string): OurValues | undefined {
  return ourValues[part][property];
}
