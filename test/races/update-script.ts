import { deepEqual } from 'node:assert/strict';
import { Role } from '../../src/entities/index.js';
import { updateScript } from '../sql/truth.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { clientsHere, resultsOf, script } from '../support/sql-clients.js';
import type { Arena } from './arena.js';
import type { Operation } from './operations.js';
import type { Scenario } from './scenarios.js';

/** Is a race of all kinds of writers, during which drift is made and the SQL scripts repair it and verify, again and again. */
export const updateScriptRace: Scenario = {
  name: 'the SQL scripts against everything',
  plain: true,
  async run(arena) {
    const operations = await everyKindOfWrite(arena);
    let racing = true;
    const race = arena.race(operations).finally(() => {
      racing = false;
    });
    const repairs = (async () => {
      do await driftAndRepair(arena);
      while (racing);
    })();
    const [{ results }] = await Promise.all([race, repairs]);
    deepEqual([...new Set(results.map(({ code }) => code))], ['done']);
    return race;
  },
};

async function driftAndRepair({ kind, url, database, drifting }: Arena): Promise<void> {
  // Upwards, for a writer could not take 1 from a count that is too low.
  await database.em.fork().transactional(em => em.execute('update core_course set total_enrollments = total_enrollments + 5, active_enrollments = active_enrollments + 3'));
  // The writers go on: what the script had left would be there still, and what they do meanwhile must not look like drift.
  for (const text of [updateScript(kind), script('verify_enrollment_counts.sql')]) {
    const [lines, summary] = await resultsOf(clientsHere(kind)[0]!, url, text);
    deepEqual(lines!.filter(({ result }) => result === 'MISMATCH'), []);
    deepEqual(summary, [{ courses: String(lines!.length / 2), mismatches: '0' }]);
  }
  deepEqual(await drifting(), []);
}

async function everyKindOfWrite({ database }: Arena): Promise<Operation[]> {
  const courses = await addCourses(database, Array.from({ length: 12 }, () => ({})));
  const users = await addUsers(database, Role.STUDENT, 40);
  const [enrolled, moving, flushed, others] = [users.slice(0, 8), users.slice(8, 20), users.slice(20, 28), users.slice(28)];
  const enrollments = await addEnrollments(database, courses.flatMap(course => enrolled.map(student => ({ course, student }))));
  const moves = await addEnrollments(database, moving.map((student, index) => ({ course: courses[index]!, student })));
  const operations: Operation[] = [
    ...enrollments.map((enrollment, index): Operation => (index % 2 === 0 ? { name: 'unenroll', enrollment } : { name: 'setStatus', enrollment, status: 'dropped' })),
    ...moves.map((enrollment, index): Operation => ({ name: 'transfer', enrollment, course: courses[(index + 5) % 12]! })),
    ...flushed.map((user, index): Operation => ({ name: 'flushMany', user, courses: index % 2 === 0 ? courses : [...courses].reverse() })),
    ...courses.flatMap(course => others.map((user): Operation => ({ name: 'enroll', course, user }))),
  ];
  return operations.sort(() => Math.random() - 0.5);
}
