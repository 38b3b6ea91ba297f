import { randomUUID } from 'node:crypto';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { dialectOf, type Database } from '../../database/database.js';
import { builderFor, rowsWithin } from '../../database/query.js';
import type { TableName } from '../../database/tables.js';
import { Course, Enrollment, Role, User } from '../../entities/index.js';
import { inTransaction } from '../../transactions/transactions.js';
import { failed, ok, type Finding } from './finding.js';

/** A course's two stored counts: all enrollments, and the ACTIVE ones. */
type Counts = readonly [total: number, active: number];

/** The tables that the probe writes to. */
const writtenTables: readonly TableName[] = ['core_user', 'core_course', 'core_enrollments'];

/** Ends the transaction of the probe, and carries out of it what was seen. */
class Seen extends Error {
  constructor(readonly counts: readonly Counts[]) {
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
  const unsafe = await dialectOf(database).inspection.examineRollback(database, writtenTables);
  if (unsafe.length > 0) return unsafe;
  const email = `rollcall-doctor-${randomUUID()}@example.invalid`;
  const counts = await watched(database, email);
  const left = await database.em.fork().count(User, { email });
  if (left > 0)
    return [
      failed(
        `The probe was rolled back, and its user ${email} is there all the same.`,
        'Look for what commits on its own between here and the database, such as a proxy, and remove that user.',
      ),
    ];
  const text = counts.map(pair => pair.join(', ')).join(' → ');
  if (
    JSON.stringify(counts) ===
    JSON.stringify([
      [0, 0],
      [1, 1],
      [0, 0],
    ])
  )
    return [ok(`Enrolling and unenrolling moved the counts ${text}, in a transaction that was rolled back.`)];
  return [
    failed(
      `Enrolling and unenrolling moved the counts ${text}, not 0, 0 → 1, 1 → 0, 0.`,
      'Do not write to this database until "rollcall counters status" and the check of the strategy say what is wrong.',
    ),
  ];
}

async function watched(database: Database, email: string): Promise<readonly Counts[]> {
  try {
    return await inTransaction(database, async em => {
      const course = em.create(Course, { title: 'A probe of rollcall doctor' });
      const student = em.create(User, { name: 'A probe of rollcall doctor', email, role: Role.STUDENT });
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

async function storedOf(em: SqlEntityManager, id: number): Promise<Counts> {
  const query = builderFor({ em })
    .selectFrom('core_course')
    .select(['total_enrollments', 'active_enrollments'])
    .where('id', '=', id);
  const [row] = await rowsWithin(em, query);
  return [row!.total_enrollments, row!.active_enrollments];
}
