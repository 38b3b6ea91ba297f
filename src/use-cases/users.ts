import { LockMode, UniqueConstraintViolationException } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { z } from 'zod';
import { CounterError, deleteWhere } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { withoutEnrollments } from '../database/connections/purposes.js';
import { Course, Enrollment, User, type Role, type Key, shownKey } from '../entities/index.js';
import { adminOnly, inputOf, type Asked } from '../access/access.js';
import { NotWritable } from '../map/written-row.js';
import { unlessInUse } from './in-use.js';
import { committedIfExists, committedIfGone } from './lost-commit.js';
import { done, problem, rejected, UserErrorCode, type Outcome, type Problem } from './outcome.js';
import { quotedText } from './quoted-text.js';
import { notFound } from './seats.js';
import { textProblem } from './text.js';
import { deletedUsers, type DeletedUser } from '../access/token-users.js';
import { builderFor, rowsWithin } from '../database/query.js';
import { databaseErrorOf } from '../transactions/refused-row.js';
import { inPreparedTransaction, inTransaction, type Prepared } from '../transactions/transactions.js';
import type { Viewer } from '../access/viewer.js';

const EMAIL = ['input', 'email'];

/** Creates a user; admins. */
export async function createUser(
  database: Database,
  caller: Viewer | null,
  { name, email, role }: { name: string; email: string; role?: Role | null },
): Promise<Outcome<{ id: Key }>> {
  adminOnly(caller);
  const problems = userProblems({ name, email });
  if (problems.length > 0) return rejected(...problems);
  try {
    return await withoutEnrollments(() =>
      inTransaction(
        database,
        async em => {
          const user = em.create(User, { name, email, role: role ?? undefined });
          await em.flush();
          return done({ id: user.id });
        },
        committedIfExists(User, ({ id }) => ({ id, email })),
      ),
    );
  } catch (error) {
    if (!(databaseErrorOf(error) instanceof UniqueConstraintViolationException)) throw error;
    // Another application's users have other unique keys too, such as one of usernames.
    if (error instanceof NotWritable && (await database.em.fork().count(User, { email })) === 0) throw error;
    return rejected(problem(UserErrorCode.IN_USE, EMAIL, `The email ${email} belongs to another user.`));
  }
}

/** Returns what is wrong with the name and the email of a new user. */
export function userProblems({ name, email }: { readonly name: string; readonly email: string }): Problem[] {
  const problems = [textProblem('name', name, 255)].filter(one => one !== null);
  if (!z.email().max(254).safeParse(email).success) {
    problems.push(
      problem(
        UserErrorCode.INVALID,
        EMAIL,
        `${quotedText(email)} is not an email address of at most 254 characters, such as ada@example.org.`,
      ),
    );
  }
  return problems;
}

/** Deletes a user with all enrollments, which updates the counts; admins. A user who instructs courses is IN_USE. */
export async function deleteUser(
  database: Database,
  caller: Viewer | null,
  asked: Asked<{ id: Key }>,
): Promise<Outcome<{ id: Key }>> {
  adminOnly(caller);
  const { id } = inputOf(asked);
  // The counters lock the courses of all the user's enrollments.
  const prepare = async (): Promise<Prepared> => {
    const enrolledIn = builderFor(database)
      .selectFrom('core_enrollments')
      .select('course_id')
      .where('student_id', '=', id);
    return { courses: (await rowsWithin(database.em.fork(), enrolledIn)).map(({ course_id }) => course_id) };
  };
  const work = () =>
    inPreparedTransaction<Outcome<{ id: Key }>, Prepared>(
      database,
      prepare,
      async (em, _, isLocked) => {
        const taught = await coursesOf(em, id);
        if (taught.length > 0) {
          return rejected(
            problem(
              UserErrorCode.IN_USE,
              ['input', 'id'],
              `User ${shownKey(id)} instructs course ${taught.map(shownKey).join(', ')}; give the courses another instructor first.`,
            ),
          );
        }
        await deleteWhere(em, Enrollment, { student: id });
        isLocked();
        // Enrolling and instructing hold a shared lock on the user until they commit, so after this lock there can be no
        // new ones.
        const user = await em
          .createQueryBuilder(User, 'u')
          .select(['id'])
          .where({ id })
          .setLockMode(LockMode.PESSIMISTIC_WRITE)
          .execute('get');
        if (!user) return rejected(notFound('User', id, ['input', 'id']));
        if ((await em.count(Enrollment, { student: id })) > 0 || (await coursesOf(em, id)).length > 0) {
          throw new CounterError(
            'COUNTER_CONFLICT',
            `User ${shownKey(id)} was enrolled or made instructor while being deleted.`,
          );
        }
        em.remove(em.getReference(User, id));
        await em.flush();
        return done({ id });
      },
      committedIfGone(User, value => value),
    );
  const outcome = await unlessInUse(database, `User ${shownKey(id)}`, ['input', 'id'], work);
  if (outcome.value) deletedUsers.publish({ database, id } satisfies DeletedUser);
  return outcome;
}

/** Returns the ids of the first courses that a user instructs, for a message. */
async function coursesOf(em: SqlEntityManager, id: Key): Promise<Key[]> {
  const courses = await em.find(Course, { instructor: id }, { fields: ['id'], limit: 5, orderBy: { id: 'asc' } });
  return courses.map(course => course.id);
}
