/** A course with its stored counts and what belongs to it. */
const COURSE =
  '{ id title totalEnrollments activeEnrollments enrollmentsCount { count } enrollmentsByStatus { status count } enrollments(first: 10) { nodes { id student { id name } course { id } } } }';

/**
 * The newest enrollments, among them those of courses that are about to be deleted, each with its course and student.
 */
export const NEWEST =
  '{ enrollments(first: 50, orderBy: { field: ID, direction: DESC }) { nodes { id status course { id title } student { id name } } } }';

/** The latest recounts. */
export const RUNS = '{ recountRuns(first: 5) { nodes { id status } } }';

/** A table that a call needs. */
export type Table = 'core_course' | 'core_enrollments' | 'core_user' | 'core_recount_runs';

/** A query of the load. */
export interface Query {
  readonly name: string;
  readonly as: 'anyone' | 'student' | 'admin';
  readonly tables: readonly Table[];
  /** The text, with the variables $course and $student if it needs them. */
  readonly query: string;
}

/** The queries, each as often as it is sent. */
export const queries: readonly Query[] = [
  {
    name: 'courses',
    as: 'anyone',
    tables: ['core_course', 'core_user'],
    query:
      '{ courses(first: 20) { totalCount nodes { id title totalEnrollments activeEnrollments instructor { name } } pageInfo { hasNextPage endCursor } } }',
  },
  {
    name: 'course',
    as: 'admin',
    tables: ['core_course', 'core_enrollments', 'core_user'],
    query: `query ($course: ID!) { course(id: $course) ${COURSE} }`,
  },
  { name: 'me', as: 'student', tables: ['core_user'], query: '{ me { id name email } }' },
  { name: 'newest', as: 'admin', tables: ['core_course', 'core_enrollments', 'core_user'], query: NEWEST },
  {
    name: 'of a student',
    as: 'admin',
    tables: ['core_course', 'core_enrollments'],
    query:
      'query ($student: ID!) { enrollments(filter: { studentId: $student }) { nodes { id status course { id } } } }',
  },
  {
    name: 'search',
    as: 'anyone',
    tables: ['core_course'],
    query:
      '{ courses(filter: { title: { contains: "1" } }, orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) { nodes { id totalEnrollments } } }',
  },
  {
    name: 'of a student',
    as: 'admin',
    tables: ['core_course', 'core_enrollments'],
    query:
      'query ($student: ID!) { enrollments(filter: { studentId: $student }) { nodes { id status course { id } } } }',
  },
  {
    name: 'mine',
    as: 'student',
    tables: ['core_course', 'core_enrollments', 'core_user'],
    query: '{ me { enrollments { totalCount nodes { course { id title } } } } }',
  },
  {
    name: 'verify',
    as: 'admin',
    tables: ['core_course', 'core_enrollments'],
    query:
      'mutation ($course: ID!) { verifyEnrollmentCounts(input: { courseIds: [$course] }) { ok driftCount userErrors { code message } } }',
  },
  { name: 'runs', as: 'admin', tables: ['core_recount_runs'], query: RUNS },
];
