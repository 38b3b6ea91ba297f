import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../dist/database/database.js';
import { Course, Enrollment, Role, User, type CourseStatus, type EnrollmentStatus } from '../../dist/entities/index.js';
import { deleteCourse, updateCourse } from '../../dist/use-cases/courses.js';
import {
  enroll,
  enrollMany,
  setEnrollmentStatus,
  transferEnrollment,
  unenroll,
} from '../../dist/use-cases/enrollments.js';
import { importEnrollments } from '../../dist/tools/import/import-enrollments.js';
import { isConflict } from '../../dist/transactions/transaction-error.js';
import { inTransaction } from '../../dist/transactions/transactions.js';
import { deleteUser } from '../../dist/use-cases/users.js';
import { textSource } from '../support/text-source.ts';

/** The outcome of one operation. */
export interface Result {
  /** "done" if all was done, otherwise the code of the first rejection or of the error. */
  readonly code: string;
  /** Whether the caller saw an error of the database that means conflict. */
  readonly conflict: boolean;
  /** The number of added rows, of an operation that adds many. */
  readonly added?: number;
  /** The code of each rejection, or of the error. */
  readonly refusals: readonly string[];
}

/** An operation that is ready to run when the race begins. */
export type Ready = () => Promise<Result>;

interface Done {
  readonly refusals: readonly string[];
  readonly added?: number;
}

const student = (userId: number) => ({ userId, role: Role.STUDENT });
const admin = { userId: null, role: Role.ADMIN };

/**
 * The operations that racers can prepare and then run; the parameters are plain records, so that they can be sent to
 * another process.
 */
export const operations = {
  enroll:
    (database: Database, { course, user }: { course: number; user: number }) =>
    () =>
      told(asked(enroll(database, student(user), { courseId: course }))),
  enrollMany:
    (database: Database, { course, users }: { course: number; users: number[] }) =>
    () =>
      told(asked(enrollMany(database, admin, { courseId: course, studentIds: users }), ({ ids }) => ids.length)),
  import:
    (database: Database, { rows }: { rows: { course: number; user: number }[] }) =>
    () =>
      told(imported(database, rows)),
  unenroll:
    (database: Database, { enrollment }: { enrollment: number }) =>
    () =>
      told(asked(unenroll(database, admin, { enrollmentId: enrollment }))),
  transfer:
    (database: Database, { enrollment, course }: { enrollment: number; course: number }) =>
    () =>
      told(asked(transferEnrollment(database, admin, { enrollmentId: enrollment, courseId: course }))),
  setStatus:
    (database: Database, { enrollment, status }: { enrollment: number; status: string }) =>
    () =>
      told(
        asked(setEnrollmentStatus(database, admin, { enrollmentId: enrollment, status: status as EnrollmentStatus })),
      ),
  updateCourse:
    (database: Database, { course, status, isPublished }: { course: number; status?: string; isPublished?: boolean }) =>
    () =>
      told(
        asked(updateCourse(database, admin, { id: course, status: status as CourseStatus | undefined, isPublished })),
      ),
  deleteCourse:
    (database: Database, { course }: { course: number }) =>
    () =>
      told(asked(deleteCourse(database, admin, { id: course }))),
  deleteUser:
    (database: Database, { user }: { user: number }) =>
    () =>
      told(asked(deleteUser(database, admin, { id: user }))),
  /** Enrolls a student in many courses, named in any order, in one flush. */
  flushMany:
    (database: Database, { courses, user }: { courses: number[]; user: number }) =>
    () =>
      told(flushed(database, courses, user)),
  /** Removes an entity that was loaded before the race began, in a flush that nobody retries. */
  staleRemove: (database: Database, { enrollment }: { enrollment: number }) =>
    stale(database, enrollment, (em, row) => void em.remove(row)),
  /** Moves an entity that was loaded before the race began, in a flush that nobody retries. */
  staleMove: (database: Database, { enrollment, course }: { enrollment: number; course: number }) =>
    stale(database, enrollment, (em, row) => {
      row.course = em.getReference(Course, course, { wrapped: true });
    }),
} satisfies Record<string, (database: Database, parameters: never) => Ready | Promise<Ready>>;

/** One operation with its parameters. */
export type Operation = {
  [Name in keyof typeof operations]: { name: Name } & Parameters<(typeof operations)[Name]>[1];
}[keyof typeof operations];

async function stale(
  database: Database,
  id: number,
  change: (em: SqlEntityManager, row: Enrollment) => void,
): Promise<Ready> {
  const em = database.em.fork();
  const row = await em.findOneOrFail(Enrollment, id);
  return () => {
    change(em, row);
    return told(em.flush().then(() => ({ refusals: [] })));
  };
}

async function flushed(database: Database, courses: readonly number[], user: number): Promise<Done> {
  await inTransaction(database, async em => {
    for (const course of courses)
      em.create(Enrollment, {
        course: em.getReference(Course, course, { wrapped: true }),
        student: em.getReference(User, user, { wrapped: true }),
      });
    await em.flush();
  });
  return { refusals: [], added: courses.length };
}

async function imported(database: Database, rows: readonly { course: number; user: number }[]): Promise<Done> {
  const refusals: string[] = [];
  const text = ['course,student', ...rows.map(({ course, user }) => `${course},${user}`), ''].join('\n');
  const { added, alreadyThere } = await importEnrollments(database, textSource(text), {
    onBadRow: ({ code }) => refusals.push(code),
  });
  return { refusals: [...refusals, ...Array.from({ length: alreadyThere }, () => 'ALREADY_ENROLLED')], added };
}

async function asked<Value>(
  work: Promise<{ value: Value | null; problems: readonly { code: string }[] }>,
  added?: (value: Value) => number,
): Promise<Done> {
  const { value, problems } = await work;
  return { refusals: problems.map(({ code }) => code), ...(added && { added: value === null ? 0 : added(value) }) };
}

async function told(work: Promise<Done>): Promise<Result> {
  try {
    const { refusals, added } = await work;
    return { code: refusals[0] ?? 'done', conflict: false, refusals, ...(added !== undefined && { added }) };
  } catch (error) {
    const { code, name, message } = error as { code?: string; name: string; message: string };
    const shown = code ?? `${name}: ${message}`;
    return { code: shown, conflict: isConflict(error) || code === 'RETRY_LATER', refusals: [shown] };
  }
}
