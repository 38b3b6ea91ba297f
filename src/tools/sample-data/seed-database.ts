import type { EntityClass, RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { insertMany } from 'mikro-orm-counters';
import type { Database } from '../../database/database.js';
import { builderFor, rowsWithin } from '../../database/query.js';
import { numberOf, type StoredAggregate } from '../../database/tables.js';
import { Course, CourseStatus, Enrollment, Role, User, type Key } from '../../entities/index.js';
import type { OnProgress } from '../progress.js';
import { inTransaction } from '../../transactions/transactions.js';
import { Random } from './random.js';
import { coursePlans, type CoursePlan } from './sample-courses.js';
import { sampleEnrollments } from './sample-enrollments.js';
import { sampleUsers } from './sample-users.js';

const ROWS_PER_BATCH = 1000;

/** The amount of sample data to make. */
export interface SeedSize {
  readonly courses: number;
  readonly students: number;
  readonly enrollments: number;
}

/** The sizes of sample data, the seed of their random numbers, and the latest moment in them. */
export interface Seed extends SeedSize {
  readonly seed?: number;
  readonly until?: Date;
  readonly onProgress?: OnProgress;
}

/** The amount that an empty database is filled with. */
export const defaultSeedSize: SeedSize = { courses: 200, students: 2000, enrollments: 30_000 };

/** Returns how many users and courses a migrated database holds. */
export async function databaseSize(database: Database): Promise<{ users: number; courses: number }> {
  const em = database.em.fork();
  return { users: await em.count(User), courses: await em.count(Course) };
}

/** Returns true for a migrated database that holds no user and no course. */
export async function isEmptyDatabase(database: Database): Promise<boolean> {
  const em = database.em.fork();
  const any = [
    await em.find(User, {}, { fields: ['id'], limit: 1 }),
    await em.find(Course, {}, { fields: ['id'], limit: 1 }),
  ];
  return any.flat().length === 0;
}

/** Adds sample data in one transaction, see addSampleData(). */
export function seedDatabase(database: Database, seed: Seed): Promise<void> {
  return inTransaction(database, em => addSampleData(em, seed));
}

/**
 * Adds sample data in the entity manager's transaction: an admin where there is none, teachers, students, courses and
 * enrollments.
 *
 * An empty database gets the same for the same seed and `until`, the moment that the data lead up to. Errors:
 * RangeError when there are more enrollments than pairs of a student and a course.
 */
export async function addSampleData(
  em: SqlEntityManager,
  { onProgress, seed = 1, until = new Date(), ...size }: Seed,
): Promise<void> {
  const pairs = size.students * size.courses;
  if (size.enrollments > pairs)
    throw new RangeError(
      `${size.students} students and ${size.courses} courses make ${pairs} enrollments at most, not ${size.enrollments}.`,
    );
  const random = new Random(seed);
  const total = size.courses + size.students + size.enrollments;
  let rows = 0;
  const advance = (count: number): void => {
    rows += count;
    onProgress?.({ done: rows, total, rows });
  };
  const [newest] = await rowsWithin(
    em,
    builderFor({ em })
      .selectFrom('core_user')
      .select(eb => eb.fn.max<StoredAggregate>('id').as('id')),
  );
  await addAdmin(em, until);
  // An email's number never exceeds its user's id, so that the next sample data cannot take the same.
  const firstNumber = numberOf(newest!.id) + 1;
  const teacherCount = Math.ceil(size.courses / 6);
  const teachers = await insertAll(em, User, sampleUsers(random, Role.TEACHER, teacherCount, firstNumber, until));
  const students = await insertAll(
    em,
    User,
    sampleUsers(random, Role.STUDENT, size.students, firstNumber + teacherCount, until),
    advance,
  );
  const plans = coursePlans(random, { ...size, until });
  const courses = await insertAll(
    em,
    Course,
    plans.map(plan => courseRow(random, plan, teachers)),
    advance,
  );
  let batch: RequiredEntityData<Enrollment>[] = [];
  for (const [index, plan] of plans.entries()) {
    batch = [...batch, ...sampleEnrollments(random, plan, courses[index]!, students)];
    if (batch.length < ROWS_PER_BATCH && index < plans.length - 1) continue;
    advance(await insertMany(em, Enrollment, batch));
    batch = [];
  }
}

async function addAdmin(em: SqlEntityManager, createdAt: Date): Promise<void> {
  const email = 'admin@example.org';
  if ((await em.count(User, { $or: [{ role: Role.ADMIN }, { email }] })) > 0) return;
  await em.insert(User, { name: 'Rollcall Admin', email, role: Role.ADMIN, createdAt, updatedAt: createdAt });
}

function courseRow(
  random: Random,
  { enrollments: _, closedAt: __, ...values }: CoursePlan,
  teachers: readonly Key[],
): RequiredEntityData<Course> {
  // Some drafts have nobody yet; some teachers give many courses.
  const instructor =
    values.status === CourseStatus.DRAFT && random.chance(0.25)
      ? null
      : teachers[Math.floor(teachers.length * random.next() ** 1.5)]!;
  return { ...values, instructor, updatedAt: values.createdAt };
}

async function insertAll<Row extends User | Course>(
  em: SqlEntityManager,
  entity: EntityClass<Row>,
  rows: readonly RequiredEntityData<Row>[],
  advance?: (count: number) => void,
): Promise<Key[]> {
  const ids: Key[] = [];
  for (let start = 0; start < rows.length; start += ROWS_PER_BATCH) {
    // em.insertMany() gives the first row's id only; a flush sets them all.
    const entities = rows.slice(start, start + ROWS_PER_BATCH).map(row => em.create(entity, row));
    await em.flush();
    ids.push(...entities.map(({ id }) => id));
    em.clear();
    advance?.(entities.length);
  }
  return ids;
}
