import type { SqlEntityManager } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import { builderFor, rowsWithin } from '../../../database/query.js';
import { Course, Enrollment, User } from '../../../entities/index.js';
import { enrollmentsThere } from '../../enrollments-there.js';
import { quotedCell } from '../../import/bad-row.js';
import { pairOf } from '../../../use-cases/pair.js';
import type { CopiedKeys } from './copied-keys.js';
import type { CopiedCourse, CopiedEnrollment, CopiedUser } from './our-rows.js';
import type { RejectionCode } from './our-values.js';

/** A row of a batch, by its key, and what is said of it. */
interface Remark<Code extends string> {
  readonly id: string;
  readonly code: Code;
  readonly message: string;
}

/** What was done with the rows of a batch; those that are neither added nor rejected are there already. */
export interface Added {
  readonly added: number;
  readonly rejected: readonly Remark<RejectionCode>[];
  /** Rows that were added without one of their values. */
  readonly notes: readonly Remark<'UNKNOWN_INSTRUCTOR' | 'EMAIL_REPLACED'>[];
}

/**
 * Adds users with their keys. Whether an email is taken is for the database to say, whose collation decides which
 * addresses are equal: of two users with one address, the one with the lower key keeps it.
 */
export async function addUsers(em: SqlEntityManager, users: readonly CopiedUser[], keys: CopiedKeys): Promise<Added> {
  const there = await emailsOf(em, users);
  const rejected: Remark<RejectionCode>[] = [];
  const missing: CopiedUser[] = [];
  for (const user of users) {
    const email = there.get(user.id);
    if (email === undefined) missing.push(user);
    else if (email !== user.email && email !== user.emailIfTaken)
      rejected.push(otherRow(keys.shown('users', user.id), 'user', 'email', email));
  }
  const insert = async (some: readonly CopiedUser[], emailOf: (user: CopiedUser) => string): Promise<CopiedUser[]> => {
    if (some.length === 0) return [];
    const rows = some.map(user => {
      const { id, name, role, createdAt, updatedAt } = user;
      return { id, name, email: emailOf(user), role, createdAt, updatedAt };
    });
    await em.createQueryBuilder(User).insert(rows).onConflict('email').ignore().execute();
    const added = await emailsOf(em, some);
    return some.filter(({ id }) => !added.has(id));
  };
  const taken = await insert(missing, ({ email }) => email);
  const replaceable = taken.filter(({ emailIfTaken }) => emailIfTaken !== null);
  const left = new Set([
    ...taken.filter(({ emailIfTaken }) => emailIfTaken === null),
    ...(await insert(replaceable, ({ emailIfTaken }) => emailIfTaken!)),
  ]);
  for (const { id, email } of left)
    rejected.push({
      id: keys.shown('users', id),
      code: 'EMAIL_TAKEN',
      message: `The email ${quotedCell(email)} belongs to another user. Name an "emailIfTaken" in the map to copy such users.`,
    });
  const notes = replaceable
    .filter(user => !left.has(user))
    .map(({ id, email, emailIfTaken }) => ({
      id: keys.shown('users', id),
      code: 'EMAIL_REPLACED' as const,
      message: `The email ${quotedCell(email)} belongs to another user; copied with ${emailIfTaken}.`,
    }));
  return { added: missing.length - left.size, rejected, notes };
}

/** Adds courses with their keys; one whose instructor is not there is added without. */
export async function addCourses(
  em: SqlEntityManager,
  courses: readonly CopiedCourse[],
  keys: CopiedKeys,
): Promise<Added> {
  const builder = builderFor({ em });
  const there = new Map(
    (
      await rowsWithin(em, builder.selectFrom('core_course').select(['id', 'title']).where('id', 'in', idsOf(courses)))
    ).map(({ id, title }) => [Number(id), title]),
  );
  const users = await existing(
    em,
    'core_user',
    courses.flatMap(({ instructor }) => instructor ?? []),
  );
  const rejected: Remark<RejectionCode>[] = [];
  const notes: Added['notes'][number][] = [];
  const missing = courses.filter(({ id }) => !there.has(id));
  for (const { id, title } of courses.filter(course => there.has(course.id))) {
    if (there.get(id) !== title) rejected.push(otherRow(keys.shown('courses', id), 'course', 'title', there.get(id)!));
  }
  for (const { instructor, ...course } of missing) {
    const isThere = instructor !== null && users.has(instructor);
    if (instructor !== null && !isThere)
      notes.push({
        id: keys.shown('courses', course.id),
        code: 'UNKNOWN_INSTRUCTOR',
        message: `The instructor ${keys.shown('users', instructor)} is not there; copied without one.`,
      });
    em.create(Course, { ...course, instructor: isThere ? em.getReference(User, instructor, { wrapped: true }) : null });
  }
  await em.flush();
  return { added: missing.length, rejected, notes };
}

/** Adds enrollments with their keys, of courses and students that are there; a pair has one enrollment, the first. */
export async function addEnrollments(
  em: SqlEntityManager,
  enrollments: readonly CopiedEnrollment[],
  keys: CopiedKeys,
): Promise<Added> {
  const courses = await existing(
    em,
    'core_course',
    enrollments.map(({ course }) => course),
  );
  const students = await existing(
    em,
    'core_user',
    enrollments.map(({ student }) => student),
  );
  const ids = builderFor({ em })
    .selectFrom('core_enrollments')
    .select(['id', 'course_id', 'student_id'])
    .where('id', 'in', idsOf(enrollments));
  const there = new Map((await rowsWithin(em, ids)).map(row => [Number(row.id), row]));
  const seats = enrollments.map(({ course, student }) => ({ courseId: course, studentId: student }));
  const pairs = new Map([...(await enrollmentsThere(em, seats))].map(([pair, { id }]) => [pair, id]));
  const rejected: Remark<RejectionCode>[] = [];
  const added: CopiedEnrollment[] = [];
  const reject = (id: number, code: RejectionCode, message: string): void =>
    void rejected.push({ id: keys.shown('enrollments', id), code, message });
  for (const enrollment of enrollments) {
    const { id, course, student } = enrollment;
    const [same, pair] = [there.get(id), pairOf({ courseId: course, studentId: student })];
    if (same !== undefined) {
      if (pairs.get(pair) !== id)
        rejected.push(
          otherRow(
            keys.shown('enrollments', id),
            'enrollment',
            'course and student',
            `${keys.shown('courses', Number(same.course_id))} and ${keys.shown('users', Number(same.student_id))}`,
          ),
        );
    } else if (!courses.has(course))
      reject(id, 'UNKNOWN_COURSE', `The course ${keys.shown('courses', course)} is not there.`);
    else if (!students.has(student))
      reject(id, 'UNKNOWN_STUDENT', `The student ${keys.shown('users', student)} is not there.`);
    else if (pairs.has(pair))
      reject(
        id,
        'DUPLICATE',
        `The student ${keys.shown('users', student)} is in the course ${keys.shown('courses', course)} already, by the enrollment ${keys.shown('enrollments', pairs.get(pair) as number)}.`,
      );
    else {
      pairs.set(pair, id);
      added.push(enrollment);
    }
  }
  await insertMany(em, Enrollment, added);
  return { added: added.length, rejected, notes: [] };
}

async function emailsOf(em: SqlEntityManager, users: readonly CopiedUser[]): Promise<Map<number, string>> {
  const query = builderFor({ em }).selectFrom('core_user').select(['id', 'email']).where('id', 'in', idsOf(users));
  return new Map((await rowsWithin(em, query)).map(({ id, email }) => [Number(id), email]));
}

async function existing(
  em: SqlEntityManager,
  table: 'core_user' | 'core_course',
  ids: readonly number[],
): Promise<Set<number>> {
  if (ids.length === 0) return new Set();
  const query = builderFor({ em })
    .selectFrom(table)
    .select('id')
    .where('id', 'in', [...new Set(ids)]);
  return new Set((await rowsWithin(em, query)).map(({ id }) => Number(id)));
}

function idsOf(rows: readonly { readonly id: number }[]): number[] {
  return rows.map(({ id }) => id);
}

function otherRow(id: string, what: string, field: string, value: string): Remark<RejectionCode> {
  return {
    id,
    code: 'OTHER_ROW',
    message: `There is another ${what} with this id here, with the ${field} ${quotedCell(value)}. Copy into a fresh database.`,
  };
}
