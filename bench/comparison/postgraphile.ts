import type { CaseName } from './cases.ts';
import type { Contestant } from './contestants.ts';

/** PostGraphile makes its schema from the database, so it has queries of its own, which ask for the same facts. */
const QUERIES: Readonly<Record<CaseName, string>> = {
  A: `query CoursePage($after: Cursor, $first: Int!) {
  allCoreCourses(after: $after, first: $first) { nodes { id: rowId title totalEnrollments } }
}`,
  B: `query CountedCoursePage($after: Cursor, $first: Int!) {
  allCoreCourses(after: $after, first: $first) { nodes { id: rowId title coreEnrollmentsByCourseId { totalCount } } }
}`,
  C: `query CourseWithEnrollments($id: BigInt!) {
  coreCourseByRowId(rowId: $id) {
    id: rowId title totalEnrollments coreUserByInstructorId { id: rowId name }
    coreEnrollmentsByCourseId(first: 20, orderBy: [PRIMARY_KEY_ASC]) { nodes { id: rowId status coreUserByStudentId { id: rowId name } } }
  }
}`,
  D: `mutation Enroll($courseId: BigInt!, $studentId: BigInt!) {
  createCoreEnrollment(input: { coreEnrollment: { courseId: $courseId, studentId: $studentId } }) { coreEnrollment { id: rowId status } }
}`,
  get E() {
    return this.D;
  },
};

interface Named {
  readonly id: string;
  readonly name: string;
}

interface Course {
  readonly id: string;
  readonly title: string;
  readonly totalEnrollments: number;
  readonly coreUserByInstructorId: Named | null;
  readonly coreEnrollmentsByCourseId: {
    readonly totalCount: number;
    readonly nodes: readonly { readonly id: string; readonly status: string; readonly coreUserByStudentId: Named }[];
  };
}

interface Data {
  readonly allCoreCourses: { readonly nodes: readonly Course[] };
  readonly coreCourseByRowId: Course;
  readonly createCoreEnrollment: { readonly coreEnrollment: { readonly id: string; readonly status: string } };
}

/** The requests and answers of PostGraphile, in the terms of the others. */
export const postGraphile: Pick<Contestant, 'queryOf' | 'cursorAfter' | 'learn' | 'shaped'> = {
  queryOf: ({ name }) => QUERIES[name],
  cursorAfter: course => cursorLike(course),
  async learn(post) {
    const text = await post(JSON.stringify({ query: '{ allCoreCourses(first: 1) { pageInfo { endCursor } } }' }));
    const { data } = JSON.parse(text) as { data: { allCoreCourses: { pageInfo: { endCursor: string } } } };
    example = JSON.parse(Buffer.from(data.allCoreCourses.pageInfo.endCursor, 'base64').toString()) as unknown[];
  },
  shaped(name, answer) {
    const { data } = answer as { data?: Data };
    if (!data) return {};
    if (name === 'A') {
      const nodes = data.allCoreCourses.nodes.map(({ id, title, totalEnrollments }) => ({
        id,
        title,
        totalEnrollments,
      }));
      return { data: { courses: { nodes } } };
    }
    if (name === 'B') {
      const nodes = data.allCoreCourses.nodes.map(({ id, title, coreEnrollmentsByCourseId: { totalCount } }) => ({
        id,
        title,
        enrollmentsCount: { count: totalCount },
      }));
      return { data: { courses: { nodes } } };
    }
    if (name === 'C') return { data: { course: courseOf(data.coreCourseByRowId) } };
    const { id, status } = data.createCoreEnrollment.coreEnrollment;
    return { data: { enroll: { enrollment: { id, status: status.toUpperCase() }, userErrors: [] } } };
  },
};

/** The content of a cursor, whose last element is the key; what comes before it, PostGraphile makes from the query. */
let example: unknown[] = [];

function cursorLike(course: number): string {
  return Buffer.from(JSON.stringify([...example.slice(0, -1), String(course)])).toString('base64');
}

function courseOf({ id, title, totalEnrollments, coreUserByInstructorId, coreEnrollmentsByCourseId }: Course): object {
  return {
    id,
    title,
    totalEnrollments,
    instructor: coreUserByInstructorId,
    enrollments: {
      nodes: coreEnrollmentsByCourseId.nodes.map(({ id: enrollment, status, coreUserByStudentId }) => ({
        id: enrollment,
        status: status.toUpperCase(),
        student: coreUserByStudentId,
      })),
    },
  };
}
