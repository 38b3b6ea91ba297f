import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import type { Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { storedAndActual } from '../support/api.js';
import { freshDatabase } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { startRacers, type Race, type Racers } from './racers.js';
import type { Operation } from './operations.js';

/** The place of races: a database, the processes that race on it, and functions to set up and to judge. */
export interface Arena {
  readonly kind: DatabaseKind;
  readonly database: Database;
  readonly url: string;
  readonly race: (operations: readonly Operation[]) => Promise<Race>;
  readonly course: (capacity?: number | null) => Promise<number>;
  readonly courses: (count: number) => Promise<number[]>;
  readonly student: () => Promise<number>;
  readonly students: (count: number) => Promise<number[]>;
  /** Enrolls a student in a course. */
  readonly enrollment: (course: number, student: number) => Promise<number>;
  /** Enrolls this many new students in a course. */
  readonly enrollments: (course: number, count: number, status?: EnrollmentStatus) => Promise<number[]>;
  /** Returns the present course of an enrollment; null: the enrollment does not exist. */
  readonly courseOf: (enrollment: number) => Promise<number | null>;
  /** Returns the courses whose stored counts differ from COUNT(*). */
  readonly drifting: () => Promise<unknown[]>;
  /** Returns a course's stored counts: all and active. */
  readonly counts: (course: number) => Promise<number[] | undefined>;
  /** Returns how many deadlocks the server has found since it started; SQLite has none. */
  readonly deadlocks: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Opens an arena on a fresh database. */
export async function openArena(kind: DatabaseKind): Promise<Arena> {
  const { database, url, drop } = await freshDatabase(kind);
  const racers: Racers = await startRacers(url);
  const students = (count: number): Promise<number[]> => addUsers(database, Role.STUDENT, count);
  return {
    kind,
    database,
    url,
    race: operations => racers.race(operations),
    course: async (capacity = null) => (await addCourses(database, [{ capacity }]))[0]!,
    courses: count =>
      addCourses(
        database,
        Array.from({ length: count }, () => ({})),
      ),
    student: async () => (await students(1))[0]!,
    students,
    enrollment: async (course, user) => (await addEnrollments(database, [{ course, student: user }]))[0]!,
    enrollments: async (course, count, status = EnrollmentStatus.ACTIVE) =>
      addEnrollments(
        database,
        (await students(count)).map(user => ({ course, student: user, status })),
      ),
    courseOf: async enrollment =>
      (
        await database.em
          .getConnection()
          .execute<{ course_id: number }[]>('select course_id from core_enrollments where id = ?', [enrollment])
      )[0]?.course_id ?? null,
    drifting: async () =>
      (await storedAndActual(database)).filter(({ stored, actual }) => String(stored) !== String(actual)),
    counts: async course => (await storedAndActual(database)).find(({ id }) => id === course)?.stored,
    deadlocks: () => deadlocksOf(database, kind),
    async stop() {
      await racers.stop();
      await drop();
    },
  };
}

async function deadlocksOf(database: Database, kind: DatabaseKind): Promise<number> {
  if (kind === 'sqlite') return 0;
  const sql = {
    mysql: "select count as found from information_schema.innodb_metrics where name = 'lock_deadlocks'",
    mariadb:
      "select variable_value as found from information_schema.global_status where variable_name = 'Innodb_deadlocks'",
    postgresql: 'select deadlocks as found from pg_stat_database where datname = current_database()',
  }[kind];
  const [row] = await database.em.getConnection().execute<{ found: number }[]>(sql);
  return Number(row!.found);
}
