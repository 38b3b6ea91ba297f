import { randomUUID } from 'node:crypto';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../database/database.js';
import { declaredCounts } from '../../database/declared-counts.js';
import { builderFor, rowsWithin } from '../../database/query.js';
import { storedTable } from '../../database/mapped/stored-names.js';
import type { ColumnOf, TableName } from '../../database/tables.js';
import { Course, CourseStatus, Enrollment, EnrollmentStatus, Role, User, type Key } from '../../entities/index.js';
import { NotWritable } from '../../map/written-row.js';
import { inTransaction } from '../../transactions/transactions.js';
import { failed, ok, type Finding } from './finding.js';
import { isLeftToOthers } from './left-to-others.js';

/** A course's stored counts, in the order of their declarations. */
type ProbedCounts = readonly number[];

/** What they must be while the course has one enrollment, which is ACTIVE, and before and after. */
const expectedCounts: readonly ProbedCounts[] = [false, true, false].map(isEnrolled =>
  declaredCounts.map(({ statuses }) =>
    isEnrolled && (statuses === null || statuses.includes(EnrollmentStatus.ACTIVE)) ? 1 : 0,
  ),
);

/** The tables that the probe writes to. */
const writtenTables: readonly TableName[] = ['core_user', 'core_course', 'core_enrollments'];

/** Ends the transaction of the probe, and carries out of it what was seen. */
class Seen extends Error {
  constructor(readonly counts: readonly ProbedCounts[]) {
    super('The probe is rolled back.');
  }
}

/**
 * Enrolls a student in a course and takes it back, under the strategy that is configured, and watches the stored
 * counts.
 *
 * Course, student and enrollment are made in one transaction, which is always rolled back: by the database itself where
 * this process dies. No row of others is locked; ids that were taken are not given again.
 */
export async function probe(database: Database): Promise<Finding[]> {
  const names = writtenTables.map(table => storedTable(database, table));
  const unsafe = await dialectOf(database).inspection.examineRollback(database, names);
  if (unsafe.length > 0) return unsafe;
  if (isLeftToOthers(database, 'core_course') || isLeftToOthers(database, 'core_enrollments'))
    return [ok('Not tried: the map leaves courses or enrollments to the other application.')];
  const student = await studentOfOthers(database);
  if (student === null)
    return [ok('Not tried: there is no user to enroll, and only the other application adds users.')];
  const title = `A probe of rollcall doctor ${randomUUID()}`;
  const counts = await watchedIfWritable(database, title, student);
  if (counts instanceof NotWritable)
    return [failed(`The probe could not add a course and an enrollment: ${counts.message}`, 'Complete the map.')];
  const left = await database.em.fork().count(Course, { title });
  if (left > 0)
    return [
      failed(
        `The probe was rolled back, and its course "${title}" is there all the same.`,
        'Look for what commits on its own between here and the database, such as a proxy, and remove that course.',
      ),
    ];
  const [text, expected] = [counts, expectedCounts].map(each => each.map(one => one.join(', ')).join(' → '));
  if (text === expected)
    return [ok(`Enrolling and unenrolling moved the counts ${text}, in a transaction that was rolled back.`)];
  return [
    failed(
      `Enrolling and unenrolling moved the counts ${text}, not ${expected}.`,
      'Do not write to this database until "rollcall counters status" and the check of the strategy say what is wrong.',
    ),
  ];
}

/** Returns the id of a user who is enrolled; undefined: the probe makes one of its own, null: it cannot. */
async function studentOfOthers(database: Database): Promise<Key | null | undefined> {
  if (!isLeftToOthers(database, 'core_user')) return undefined;
  const [first] = await database.em.fork().find(User, {}, { fields: ['id'], orderBy: { id: 'asc' }, limit: 1 });
  return first?.id ?? null;
}

/** Returns the counts that were seen in the first course that the map can write; its reason, if it can write none. */
async function watchedIfWritable(
  database: Database,
  title: string,
  existing: Key | undefined,
): Promise<readonly ProbedCounts[] | NotWritable> {
  const reasons: NotWritable[] = [];
  for (const status of Object.values(CourseStatus)) {
    for (const isPublished of [false, true]) {
      try {
        return await watched(database, { title, status, isPublished }, existing);
      } catch (error) {
        if (!(error instanceof NotWritable)) throw error;
        reasons.push(error);
      }
    }
  }
  return reasons[0]!;
}

async function watched(
  database: Database,
  newCourse: Pick<Course, 'title' | 'status' | 'isPublished'>,
  existing: Key | undefined,
): Promise<readonly ProbedCounts[]> {
  try {
    return await inTransaction(database, async em => {
      const course = em.create(Course, newCourse);
      const student =
        existing === undefined
          ? em.create(User, { name: newCourse.title, email: `${randomUUID()}@example.invalid`, role: Role.STUDENT })
          : em.getReference(User, existing);
      await em.flush();
      const counts = [await storedOf(em, course.id)];
      const enrollment = em.create(Enrollment, { course, student });
      await em.flush();
      counts.push(await storedOf(em, course.id));
      em.remove(enrollment);
      await em.flush();
      throw new Seen([...counts, await storedOf(em, course.id)]);
    });
  } catch (error) {
    if (error instanceof Seen) return error.counts;
    throw error;
  }
}

async function storedOf(em: SqlEntityManager, id: Key): Promise<ProbedCounts> {
  const query = builderFor({ em })
    .selectFrom('core_course')
    .select(declaredCounts.map(({ column }) => column as ColumnOf<'core_course'>))
    .where('id', '=', id);
  const [row] = await rowsWithin(em, query);
  return declaredCounts.map(({ column }) => Number((row as Readonly<Record<string, unknown>>)[column]));
}
