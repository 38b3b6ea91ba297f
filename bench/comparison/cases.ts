/** The requests that all contestants answer: the same bytes are sent to each, apart from its cursors. */
export type CaseName = 'A' | 'B' | 'C' | 'D' | 'E';

/** One kind of request, and how many clients send it at once, each its next one when the last is answered. */
export interface Case {
  readonly name: CaseName;
  readonly title: string;
  readonly operationName: string;
  readonly query: string;
  readonly clients: number;
  /** Whether each request enrolls a student, so that none may be sent twice. */
  readonly writes: boolean;
}

/** The entries of a page in A and B. */
export const PAGE = 50;

const ENROLL = `mutation Enroll($courseId: ID!, $studentId: ID!) {
  enroll(input: { courseId: $courseId, studentId: $studentId }) { enrollment { id status } userErrors { code } }
}`;

export const cases: readonly Case[] = [
  {
    name: 'A',
    title: 'a page of 50 courses with the stored total',
    operationName: 'CoursePage',
    query: `query CoursePage($after: String, $first: Int!) {
  courses(after: $after, first: $first) { nodes { id title totalEnrollments } }
}`,
    clients: 16,
    writes: false,
  },
  {
    name: 'B',
    title: 'the same page with a computed count',
    operationName: 'CountedCoursePage',
    query: `query CountedCoursePage($after: String, $first: Int!) {
  courses(after: $after, first: $first) { nodes { id title enrollmentsCount(limit: null) { count } } }
}`,
    clients: 16,
    writes: false,
  },
  {
    name: 'C',
    title: 'a course with its instructor and 20 enrollments',
    operationName: 'CourseWithEnrollments',
    query: `query CourseWithEnrollments($id: ID!) {
  course(id: $id) {
    id title totalEnrollments instructor { id name }
    enrollments(first: 20) { nodes { id status student { id name } } }
  }
}`,
    clients: 16,
    writes: false,
  },
  {
    name: 'D',
    title: 'enroll into one of 1,000 courses, 32 clients',
    operationName: 'Enroll',
    query: ENROLL,
    clients: 32,
    writes: true,
  },
  {
    name: 'E',
    title: 'enroll into one hot course, 64 clients',
    operationName: 'Enroll',
    query: ENROLL,
    clients: 64,
    writes: true,
  },
];

/** Returns a random number generator that gives the same numbers for the same seed, from 0 to 1 (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
