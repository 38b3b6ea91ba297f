import type { Viewer } from '../../src/access/viewer.js';
import type { Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { courseQueuesOf } from '../../src/transactions/course-queues.js';
import { enroll } from '../../src/use-cases/enrollments.js';
import type { Outcome } from '../../src/use-cases/outcome.js';
import { waitUntil } from './wait.js';

/** A viewer who may do everything. */
export const admin: Viewer = { userId: null, role: Role.ADMIN };

/** A change that somebody asks for. */
export type Change = (database: Database) => Promise<Outcome<unknown>>;

/** Sends changes one after another while other work has the turn of a course, so that they wait, and lets them go. */
export async function together<Result>(
  database: Database,
  courses: readonly number[],
  changes: readonly ((database: Database) => Promise<Result>)[],
): Promise<PromiseSettledResult<Result>[]> {
  const queues = courseQueuesOf(database);
  const giveBack = await queues.take(courses);
  const sent: Promise<Result>[] = [];
  for (const change of changes) {
    const one = change(database);
    one.catch(() => undefined);
    sent.push(one);
    await waitUntil(() => queues.waiting === sent.length, 'A change does not wait for its turn.');
  }
  giveBack();
  return Promise.allSettled(sent);
}

/** Returns the change that enrolls a student. */
export function enrolling(courseId: number, studentId: number, viewer = admin): Change {
  return database => enroll(database, viewer, { courseId, studentId });
}

/** Returns each outcome as the codes of its problems, or that of its error; [] for a change that was made. */
export function codesOf(outcomes: readonly PromiseSettledResult<Outcome<unknown>>[]): unknown[] {
  return outcomes.map(one =>
    one.status === 'fulfilled' ? one.value.problems.map(({ code }) => code) : (one.reason as { code: string }).code,
  );
}

/** Counts the statements that insert enrollments; `at` is called before each. */
export function countInserts(database: Database, at: (inserts: number) => void = () => undefined): () => number {
  let inserts = 0;
  database.config.set('onQuery', sql => {
    if (/^insert into [`"]core_enrollments[`"]/.test(sql)) at((inserts += 1));
    return sql;
  });
  return () => inserts;
}
