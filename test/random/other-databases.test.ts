import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pino } from 'pino';
import { adopt, undoAdoption } from '../../src/database/adoption/adopt.js';
import { openDatabase, openToAdopt } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { findTables } from '../../src/database/schema/found-tables.js';
import { Role } from '../../src/entities/index.js';
import { checkDatabase } from '../../src/tools/adopt/check/check-database.js';
import { TheirDatabase } from '../../src/tools/adopt/found/their-database.js';
import { keptValues } from '../../src/tools/adopt/place/kept-values.js';
import { examinedPlan } from '../../src/tools/adopt/place/refusals.js';
import { startApi } from '../support/api.js';
import { definitionsIn } from '../support/catalog.js';
import { describeOnEach, freshUrl } from '../support/databases.js';
import { compareAnswers } from './other-databases/answers.js';
import { runNatively } from './other-databases/native.js';
import {
  keyFormsOf,
  oddlyNamedSchool,
  schools,
  usualSchool,
  uuidSchool,
  type School,
} from './other-databases/school.js';
import { made, type Made } from './other-databases/tables.js';
import { readRunOptions } from './model-check.js';

describeOnEach('random databases of other applications', kind => {
  const { operations, seed, timeout, requested } = readRunOptions(kind === 'sqlite' ? 6 : 2);

  it(
    'random databases of other applications are opened with every answer that their rows have, or refused by name, and are as before after an undo',
    { timeout },
    async () => {
      const seen = new Map<string, number>();
      await fc.assert(
        fc.asyncProperty(schools(kind), async school => {
          for (const result of await tried(kind, school)) seen.set(result, (seen.get(result) ?? 0) + 1);
        }),
        {
          numRuns: operations,
          seed,
          endOnFailure: !requested,
          examples: [
            [usualSchool(kind)],
            [oddlyNamedSchool(kind)],
            ...keyFormsOf(kind)
              .filter(form => form !== 'number')
              .map((form): [School] => [uuidSchool(kind, [form, form, form])]),
          ],
        },
      );
      if (requested) console.log(kind, `RANDOM_SEED=${seed}`, Object.fromEntries(seen));
    },
  );
});

/** Makes a database, opens it in place, compares all answers, and takes that back. Returns what became of it. */
async function tried(kind: DatabaseKind, school: School): Promise<readonly string[]> {
  const { url, drop } = freshUrl(kind);
  const one = made(kind, school);
  try {
    await runNatively(kind, url, one.statements);
    const refusals = await opened(kind, url, one);
    // Nothing else than what the database has on purpose.
    expect(refusals.filter(text => !one.refusable.some(part => text.includes(part)))).toEqual([]);
    return refusals.length > 0 ? refusals.map(text => text.replace(/^.*? /, '').slice(0, 60)) : ['opened'];
  } finally {
    await drop();
  }
}

/** Returns the reasons for which a database is not opened in place; none: it was, and has the right answers. */
async function opened(kind: DatabaseKind, url: string, one: Made): Promise<readonly string[]> {
  const plain = await openToAdopt(url);
  let definitions: string[];
  try {
    const examined = { theirs: new TheirDatabase(plain), tables: await findTables(plain), map: one.map };
    const failures: string[] = [];
    for await (const { status, message } of checkDatabase(examined)) if (status === 'failed') failures.push(message);
    expect(failures).toEqual([]);
    definitions = await definitionsIn(plain, kind);
    const { refusals, plan } = await examinedPlan(examined);
    await keptValues(examined);
    expect(await definitionsIn(plain, kind)).toEqual(definitions);
    if (refusals.length > 0) return refusals;
    await adopt(plain, plan!);
  } finally {
    await plain.close(true);
  }
  await answersAreRight(kind, url, one);
  const again = await openToAdopt(url);
  try {
    await undoAdoption(again);
    expect(await definitionsIn(again, kind)).toEqual(definitions);
  } finally {
    await again.close(true);
  }
  return [];
}

async function answersAreRight(kind: DatabaseKind, url: string, { map, expected, canAdd }: Made): Promise<void> {
  const database = await openDatabase(url, 'hooks', map);
  const lines: string[] = [];
  const logger = pino({ level: 'error' }, { write: line => void lines.push(line) });
  const api = await startApi(kind, { logger, place: { url, database, drop: () => database.close(true) } });
  try {
    const admin = await api.token(Role.ADMIN, null);
    const send = async (query: string): Promise<any> => {
      const { data, errors = [] } = await api.send(admin, query);
      const others = errors.filter(({ extensions }) => extensions.code !== 'UNKNOWN_VALUE');
      expect({ query, others, lines: others.length > 0 ? lines : [] }).toEqual({ query, others: [], lines: [] });
      return data;
    };
    const { recountEnrollments } = await send(
      'mutation { recountEnrollments { userErrors { message } run { status error } } }',
    );
    expect(recountEnrollments).toEqual({ userErrors: [], run: { status: 'SUCCEEDED', error: null } });
    await compareAnswers(send, expected);
    if (canAdd) await changesAreCounted(send, expected);
    const { verifyEnrollmentCounts } = await send('mutation { verifyEnrollmentCounts { drifts { stored actual } } }');
    expect(verifyEnrollmentCounts.drifts).toEqual([]);
  } finally {
    await api.stop();
  }
}

/** Makes changes that the map can write, and compares the answers with what the rows then mean. */
async function changesAreCounted(send: (query: string) => Promise<any>, expected: Made['expected']): Promise<void> {
  const [course] = expected.courses.filter(
    ({ status, isPublished, capacity }) => status === 'ACTIVE' && isPublished && capacity === null,
  );
  const [student] = expected.users.filter(
    ({ id }) => !expected.enrollments.some(one => one.student === id && one.course === course?.id),
  );
  if (!course || !student) return;
  const { enroll } = await send(
    `mutation { enroll(input: { courseId: "${course.id}", studentId: "${student.id}" }) { userErrors { message } enrollment { id status } course { totalEnrollments activeEnrollments } } }`,
  );
  expect(enroll).toEqual({
    userErrors: [],
    enrollment: { id: expect.any(String), status: 'ACTIVE' },
    course: { totalEnrollments: course.total + 1, activeEnrollments: course.active + 1 },
  });
  const { setEnrollmentStatus } = await send(
    `mutation { setEnrollmentStatus(input: { enrollmentId: "${enroll.enrollment.id}", status: DROPPED }) { userErrors { message } course { totalEnrollments activeEnrollments } } }`,
  );
  expect(setEnrollmentStatus).toEqual({
    userErrors: [],
    course: { totalEnrollments: course.total + 1, activeEnrollments: course.active },
  });
  const { createCourse } = await send(
    'mutation { createCourse(input: { title: "New one", status: ACTIVE, isPublished: true }) { userErrors { message } course { id title status isPublished totalEnrollments } } }',
  );
  expect(createCourse).toEqual({
    userErrors: [],
    course: { id: expect.any(String), title: 'New one', status: 'ACTIVE', isPublished: true, totalEnrollments: 0 },
  });
}
