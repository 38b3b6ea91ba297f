// The answers to the five requests, by SQL that is written by hand and run with as few round trips as possible.
import type { Statements } from './statements.ts';

/** The parsed body of a request. */
export interface Body {
  readonly operationName: string;
  readonly variables: Readonly<Record<string, string | number>>;
}

type Answer = (statements: Statements, variables: Body['variables']) => Promise<object> | object;

const PAGE = 'select id, title, total_enrollments from core_course where id > ? order by id limit ?';
const COUNTED_PAGE =
  'select id, title, (select count(*) from core_enrollments e where e.course_id = c.id) from core_course c where id > ? order by id limit ?';
const COURSE =
  'select c.id, c.title, c.total_enrollments, i.id, i.name from core_course c left join core_user i on i.id = c.instructor_id where c.id = ?';
// The 20 enrollments are cut before they meet their students. Both statements at once were faster than a single statement
// with all joins, and than both in one round trip.
const ENROLLMENTS =
  'select e.id, e.status, s.id, s.name from (select id, status, student_id from core_enrollments where course_id = ? order by id limit 20) e join core_user s on s.id = e.student_id order by e.id';

const answers: Readonly<Record<string, Answer>> = {
  async CoursePage({ rows }, { after = 0, first }) {
    const found = await rows(PAGE, [after, first!]);
    return {
      courses: {
        nodes: found.map(([id, title, totalEnrollments]) => ({ id: String(id), title, totalEnrollments })),
      },
    };
  },
  async CountedCoursePage({ rows }, { after = 0, first }) {
    const found = await rows(COUNTED_PAGE, [after, first!]);
    return {
      courses: {
        nodes: found.map(([id, title, count]) => ({ id: String(id), title, enrollmentsCount: { count } })),
      },
    };
  },
  async CourseWithEnrollments({ rows }, { id }) {
    const [[course], enrollments] = await Promise.all([rows(COURSE, [id!]), rows(ENROLLMENTS, [id!])]);
    if (!course) return { course: null };
    const [courseId, title, totalEnrollments, instructorId, instructorName] = course;
    return {
      course: {
        id: String(courseId),
        title,
        totalEnrollments,
        instructor: instructorId === null ? null : { id: String(instructorId), name: instructorName },
        enrollments: {
          nodes: enrollments.map(([enrollment, status, student, name]) => ({
            id: String(enrollment),
            status: String(status).toUpperCase(),
            student: { id: String(student), name },
          })),
        },
      },
    };
  },
  async Enroll({ enroll }, { courseId, studentId }) {
    const id = await enroll(Number(courseId), Number(studentId));
    return { enroll: { enrollment: { id: String(id), status: 'ACTIVE' }, userErrors: [] } };
  },
};

/** Returns the answer to a request. Errors: there is no such operation; those of the database. */
export async function answerTo({ operationName, variables }: Body, statements: Statements): Promise<object> {
  const answer = answers[operationName];
  if (!answer) throw new Error(`There is no operation ${operationName}.`);
  return answer(statements, variables);
}
