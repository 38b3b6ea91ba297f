import { deepEqual } from 'node:assert/strict';
import { updateScript, verifyScript } from '../../sql/expected-lines.js';
import { addEnrollments } from '../../support/rows.js';
import { clientsHere, resultsOf } from '../../support/sql-clients.js';
import type { Arena } from '../arena.js';
import type { Operation } from '../operations.js';
import { codesOf, shuffled, type Scenario } from '../scenario.js';

/** The race of all kinds of writers while drift is repeatedly made, repaired by the SQL script and verified. */
export const sqlScripts: readonly Scenario[] = [
  {
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
      await Promise.all([race, repairs]);
      deepEqual(codesOf(await race), { done: operations.length });
      return race;
    },
  },
];

async function driftAndRepair({ kind, url, database, drifting }: Arena): Promise<void> {
  // Upwards, because a writer could not subtract 1 from a count that is too low.
  await database.em.fork().transactional(async em => {
    // PostgreSQL's UPDATE locks the rows in the order in which they are stored, which is no longer that of their ids.
    if (kind === 'postgresql') await em.execute('select id from core_course order by id for no key update');
    await em.execute(
      'update core_course set total_enrollments = total_enrollments + 5, active_enrollments = active_enrollments + 3',
    );
  });
  // The writers go on: drift that the script had left would still exist, and their changes meanwhile must not look
  // like drift.
  for (const text of [updateScript(kind), verifyScript(kind)]) {
    const [lines, summary] = await resultsOf(clientsHere(kind)[0]!, url, text);
    deepEqual(
      lines!.filter(({ result }) => result === 'MISMATCH'),
      [],
    );
    deepEqual(summary, [{ courses: String(lines!.length / 2), mismatches: '0' }]);
  }
  deepEqual(await drifting(), []);
}

async function everyKindOfWrite(arena: Arena): Promise<Operation[]> {
  const [courses, users] = [await arena.courses(12), await arena.students(40)];
  const [enrolled, moving, flushed, others] = [
    users.slice(0, 8),
    users.slice(8, 20),
    users.slice(20, 28),
    users.slice(28),
  ];
  const enrollments = await addEnrollments(
    arena.database,
    courses.flatMap(course => enrolled.map(student => ({ course, student }))),
  );
  const moves = await addEnrollments(
    arena.database,
    moving.map((student, index) => ({ course: courses[index]!, student })),
  );
  return shuffled<Operation>([
    ...enrollments.map((enrollment, index): Operation =>
      index % 2 === 0 ? { name: 'unenroll', enrollment } : { name: 'setStatus', enrollment, status: 'dropped' },
    ),
    ...moves.map((enrollment, index): Operation => ({
      name: 'transfer',
      enrollment,
      course: courses[(index + 5) % 12]!,
    })),
    ...flushed.map((user, index): Operation => ({
      name: 'flushMany',
      user,
      courses: index % 2 === 0 ? courses : courses.toReversed(),
    })),
    ...courses.flatMap(course => others.map((user): Operation => ({ name: 'enroll', course, user }))),
  ]);
}
