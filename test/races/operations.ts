import type { Database } from '../../dist/database/database.js';
import { Course, Enrollment, User, type EnrollmentStatus } from '../../dist/entities/index.js';
import { deleteCourse, updateCourse } from '../../dist/services/courses.js';
import { enroll, enrollMany, setEnrollmentStatus, transferEnrollment, unenroll } from '../../dist/services/enrollments.js';
import { isConflict } from '../../dist/services/transaction-error.js';
import { inTransaction } from '../../dist/services/transactions.js';
import { deleteUser } from '../../dist/services/users.js';
import { Role } from '../../dist/entities/index.js';

/** Says what became of one operation: the code of the first problem or error, or "done". */
export interface Result {
  readonly code: string;
  /** Tells whether the caller saw an error of the database that means conflict. */
  readonly conflict: boolean;
  /** Holds how many rows enrollMany added. */
  readonly added?: number;
}

const student = (userId: number) => ({ userId, role: Role.STUDENT });
const admin = { userId: null, role: Role.ADMIN };

/** Lists what racers can do; each is a plain record, so that it can be sent to another process. */
export const operations = {
  enroll: (database: Database, { course, user }: { course: number; user: number }) => told(enroll(database, student(user), { courseId: course })),
  enrollMany: (database: Database, { course, users }: { course: number; users: number[] }) => told(enrollMany(database, admin, { courseId: course, studentIds: users }), ({ ids }) => ids.length),
  unenroll: (database: Database, { enrollment }: { enrollment: number }) => told(unenroll(database, admin, { enrollmentId: enrollment })),
  transfer: (database: Database, { enrollment, course }: { enrollment: number; course: number }) => told(transferEnrollment(database, admin, { enrollmentId: enrollment, courseId: course })),
  setStatus: (database: Database, { enrollment, status }: { enrollment: number; status: string }) => told(setEnrollmentStatus(database, admin, { enrollmentId: enrollment, status: status as EnrollmentStatus })),
  updateCourse: (database: Database, { course, title }: { course: number; title: string }) => told(updateCourse(database, admin, { id: course, title })),
  deleteCourse: (database: Database, { course }: { course: number }) => told(deleteCourse(database, admin, { id: course })),
  deleteUser: (database: Database, { user }: { user: number }) => told(deleteUser(database, admin, { id: user })),
  /** One flush that enrolls a student in many courses, named in any order. */
  flushMany: (database: Database, { courses, user }: { courses: number[]; user: number }) =>
    told(
      inTransaction(database, async em => {
        for (const course of courses) em.create(Enrollment, { course: em.getReference(Course, course, { wrapped: true }), student: em.getReference(User, user, { wrapped: true }) });
        await em.flush();
        return { value: courses, problems: [] };
      }),
    ),
  /** A flush of an entity that was loaded before the race began, which nobody retries. */
  staleRemove: (database: Database, { enrollment }: { enrollment: number }) => stale(database, enrollment, (em, row) => void em.remove(row)),
  staleMove: (database: Database, { enrollment, course }: { enrollment: number; course: number }) =>
    stale(database, enrollment, (em, row) => {
      row.course = em.getReference(Course, course, { wrapped: true });
    }),
} satisfies Record<string, (database: Database, parameters: never) => Promise<Result>>;

/** Is one operation with its parameters. */
export type Operation = { [Name in keyof typeof operations]: { name: Name } & Parameters<(typeof operations)[Name]>[1] }[keyof typeof operations];

async function stale(database: Database, id: number, change: (em: ReturnType<Database['em']['fork']>, row: Enrollment) => void): Promise<Result> {
  const em = database.em.fork();
  const row = await em.findOne(Enrollment, id);
  if (!row) return { code: 'NOT_FOUND', conflict: false };
  change(em, row);
  return told(em.flush().then(() => ({ value: true, problems: [] })));
}

async function told<Value>(work: Promise<{ value: Value | null; problems: readonly { code: string }[] }>, added?: (value: Value) => number): Promise<Result> {
  try {
    const { value, problems } = await work;
    return { code: problems[0]?.code ?? 'done', conflict: false, ...(added && value !== null && { added: added(value) }) };
  } catch (error) {
    const { code, name, message } = error as { code?: string; name: string; message: string };
    return { code: code ?? `${name}: ${message}`, conflict: isConflict(error) || code === 'RETRY_LATER' };
  }
}
