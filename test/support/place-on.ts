import { openDatabase, type Database } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { Role, type EnrollmentStatus } from '../../src/entities/index.js';
import { placeToRun, type Place } from './command-line.js';
import { freshUrl } from './databases.js';
import { addCourses, addEnrollments, addUsers } from './rows.js';
import { migrate } from './migrated.js';

/** A place to run commands in, on a migrated database of any kind for this caller alone. */
export interface PlaceOn extends Omit<Place, 'leave'> {
  readonly database: Database;
  readonly leave: () => Promise<void>;
}

/** Returns a place whose commands run on a database of a kind. */
export async function placeOn(kind: DatabaseKind): Promise<PlaceOn> {
  const place = placeToRun();
  const { url, drop } = freshUrl(kind);
  const database = await openDatabase(url);
  await migrate(database);
  return {
    folder: place.folder,
    databaseUrl: url,
    database,
    start: (parameters, env) => place.start(parameters, { DATABASE_URL: url, ...env }),
    run: (parameters, env) => place.run(parameters, { DATABASE_URL: url, ...env }),
    async leave() {
      await database.close(true);
      await drop();
      place.leave();
    },
  };
}

/**
 * Adds courses, each with the same two ACTIVE students and a DROPPED one, and returns the ids of courses and students,
 * ascending.
 */
export async function addCountedCourses(
  database: Database,
  titles: readonly string[],
): Promise<{ courses: number[]; students: number[] }> {
  const students = await addUsers(database, Role.STUDENT, 3);
  const courses = await addCourses(
    database,
    titles.map(title => ({ title })),
  );
  const statuses = ['active', 'active', 'dropped'] as EnrollmentStatus[];
  await addEnrollments(
    database,
    courses.flatMap(course => students.map((student, index) => ({ course, student, status: statuses[index] }))),
  );
  return { courses, students };
}

/** Writes with SQL as another program does, bypassing the counters. */
export async function bypassCounters(database: Database, sql: string): Promise<void> {
  await database.em.getConnection().execute(sql, [], 'run');
}
