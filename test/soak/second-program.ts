import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DjangoApp, untilDone } from '../support/django-app.ts';
import { checkDrift } from './data-checks.ts';
import type { FaultContext } from './fault.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The number of connections of the second program, of students of each connection, and of courses that it writes. */
const CONNECTIONS = 3;
const STUDENTS_OF_EACH = 6;
const COURSES = 4;
/** The fewest rounds of each connection. */
const MIN_ROUNDS = 1;
const EMAIL = 'second-program.example.org';

/**
 * Has another program write the courses of the load as a Django app does, beside a guard of the counts; returns a function
 * that ends it. Meanwhile no count may drift at any moment.
 */
export async function beginSecondProgram({ database, courses, problems }: FaultContext): Promise<() => Promise<void>> {
  await useCounters(database.url, 'triggers', '--guard');
  const apps: DjangoApp[] = [];
  for (let index = 0; index < CONNECTIONS; index += 1) apps.push(await DjangoApp.connect(database.url));
  // The first course has few seats.
  const written = courses.slice(1, 1 + COURSES).map(Number);
  let isOver = false;
  const works = apps.map(async (app, index) => {
    const students = await addStudents(app, index);
    for (let round = 0; !isOver || round < MIN_ROUNDS; round += 1) {
      await writeAsDjango(app, written[(index + round) % COURSES]!, written[round % COURSES]!, students);
      await checkDrift(database, problems);
    }
    await app.run(`delete from core_user where id in (${students.join(', ')})`);
    await app.end();
  });
  // It is awaited at the end.
  for (const work of works) work.catch(() => undefined);
  return async () => {
    isOver = true;
    await Promise.all(works);
    await useCounters(database.url, ...(process.env['COUNTERS'] === 'triggers' ? ['triggers'] : ['hooks']));
  };
}

/** Adds students, and returns their ids. */
async function addStudents(app: DjangoApp, index: number): Promise<number[]> {
  const emails = Array.from({ length: STUDENTS_OF_EACH }, (_, place) => `student-${index}-${place}@${EMAIL}`);
  for (const email of emails)
    await app.run(
      "insert into core_user (name, email, role, created_at, updated_at) values (?, ?, 'student', now(), now())",
      'Student of another program',
      email,
    );
  const rows = await app.rows(`select id from core_user where email like ?`, `student-${index}-%@${EMAIL}`);
  return rows.map(({ id }) => Number(id));
}

/** Enrolls students, changes and saves, in each way that Django has, and removes them again. */
async function writeAsDjango(
  app: DjangoApp,
  course: number,
  other: number,
  [first, second, ...rest]: readonly number[],
): Promise<void> {
  const stale = await app.get(course);
  await untilDone(() => app.create(course, first!));
  await untilDone(() => app.create(course, second!));
  await untilDone(() => app.bulkCreate(course, rest));
  await untilDone(() => stale.save());
  await untilDone(() =>
    app.run(
      `update core_enrollments set status = 'dropped' where course_id = ? and student_id in (${rest.join(', ')})`,
      course,
    ),
  );
  if (other !== course)
    await untilDone(() =>
      app.run(
        'update core_enrollments set course_id = ? where course_id = ? and student_id = ?',
        other,
        course,
        second,
      ),
    );
  await untilDone(() =>
    app.run('update core_course set total_enrollments = total_enrollments + 1 where id = ?', other),
  );
  for (const student of [first!, ...rest]) await untilDone(() => app.delete(course, student));
  await untilDone(() => app.delete(other, second!));
}

/** Runs `rollcall counters use`. */
async function useCounters(url: string, ...parameters: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [main, 'counters', 'use', ...parameters], {
    env: { ...process.env, DATABASE_URL: url },
  });
}
