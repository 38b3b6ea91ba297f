import type { CourseRow, EnrollmentRow } from '../../reading/index.js';
import type { RecordedChange, Run } from '../../recounts/index.js';
import { connectionTypes } from './connection-types.js';
import { CourseType, EnrollmentType } from './objects.js';
import { RecountChangeType, RecountRunType } from './runs.js';

/** A page of courses. */
export const CourseConnection = connectionTypes<CourseRow>({
  name: 'Course',
  type: CourseType,
  article: 'A',
  entry: 'course',
  entries: 'courses',
  counted: 'The number of all matching entries',
  isPublic: true,
});

/** A page of enrollments. */
export const EnrollmentConnection = connectionTypes<EnrollmentRow>({
  name: 'Enrollment',
  type: EnrollmentType,
  article: 'An',
  entry: 'enrollment',
  entries: 'enrollments',
  counted: 'The number of all matching entries',
  isPublic: false,
});

/** A page of runs. */
export const RecountRunConnection = connectionTypes<Run>({
  name: 'RecountRun',
  type: RecountRunType,
  article: 'A',
  entry: 'run',
  entries: 'runs',
  counted: 'The number of all runs',
  isPublic: false,
});

/** A page of the changes of a run. */
export const RecountChangeConnection = connectionTypes<RecordedChange>({
  name: 'RecountChange',
  type: RecountChangeType,
  article: 'A',
  entry: 'change',
  entries: 'changes',
  counted: 'The number of all changes of the run',
  isPublic: false,
});

/** The resolvers of the fields of all lists' pages. */
export const connectionResolvers = [
  CourseConnection,
  EnrollmentConnection,
  RecountRunConnection,
  RecountChangeConnection,
].map(({ resolver }) => resolver);
