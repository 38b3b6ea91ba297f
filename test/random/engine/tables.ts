import type { Transaction } from '@mikro-orm/core';
import type { Database } from '../../../src/database/database.js';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import type { EnrollmentStatus } from '../../../src/entities/index.js';
import { countsOf, rowOf, type Row, type Rows } from './rows.js';

/** What the tables hold: stored counts, all and ACTIVE, by course, and the enrollments. */
export interface Tables {
  readonly stored: ReadonlyMap<number, readonly [number, number]>;
  readonly enrollments: readonly Row[];
}

/** Reads courses and enrollments in one statement, in the open transaction or outside of any. */
export async function readTables(database: Database, transaction?: Transaction): Promise<Tables> {
  const found = await database.em.getConnection().execute<Record<string, number | string | null>[]>(
    `select c.id as course, c.total_enrollments, c.active_enrollments, e.id, e.student_id, e.status
     from core_course c left join core_enrollments e on e.course_id = c.id`,
    [],
    'all',
    transaction,
  );
  const numbers = (row: (typeof found)[number], ...names: string[]): number[] => names.map(name => Number(row[name]));
  return {
    stored: new Map(
      found.map(row => [
        Number(row['course']),
        numbers(row, 'total_enrollments', 'active_enrollments') as [number, number],
      ]),
    ),
    enrollments: found.flatMap(row => {
      if (row['id'] === null) return [];
      const [id, course, student] = numbers(row, 'id', 'course', 'student_id') as [number, number, number];
      return [{ id, course, student, status: row['status'] as EnrollmentStatus }];
    }),
  };
}

/** Returns the courses whose stored and actual counts differ, as texts. */
export function driftIn(tables: Tables): string[] {
  const text = (counts: readonly number[]): string => counts.join(', of them active ');
  return [...tables.stored].flatMap(([course, stored]) => {
    const actual = countsOf(tables, course);
    return String(stored) === String(actual)
      ? []
      : [`course ${course} stores ${text(stored)}, but has ${text(actual)}`];
  });
}

/**
 * Returns the differences between the tables and the model, whose rows without an id are identified by course and
 * student.
 */
export function differences({ stored, enrollments }: Tables, rows: Rows): string[] {
  const text = (row: Row): string => `student ${row.student} ${row.status} in course ${String(row.course)}`;
  const same = (a: Row, b: Row): boolean =>
    a.course === b.course &&
    a.student === b.student &&
    a.status === b.status &&
    (a.id === null || b.id === null || a.id === b.id);
  const missing = rows.enrollments.filter(row => !enrollments.some(found => same(found, row)));
  const unexpected = enrollments.filter(found => !rows.enrollments.some(row => same(found, row)));
  const [there, wanted] = [[...stored.keys()].toSorted().join(), [...rows.courses].toSorted().join()];
  return [
    ...(there === wanted ? [] : [`there are the courses ${there}, not ${wanted}`]),
    ...missing.map(row => `it lacks ${text(row)}`),
    ...unexpected.map(row => `it has ${text(row)}, enrollment ${row.id}`),
  ];
}

/** Returns the model with the ids that the database gave to its new rows. */
export function withFoundIds(rows: Rows, { enrollments }: Tables): Rows {
  if (rows.enrollments.every(({ id }) => id !== null)) return rows;
  const found: Rows = { ...rows, enrollments };
  return {
    ...rows,
    enrollments: rows.enrollments.map(row =>
      row.id === null ? { ...row, id: rowOf(found, row.course, row.student)?.id ?? null } : row,
    ),
  };
}

const SEED = { courses: 3, students: 6 };

/** Empties the tables and fills them for a new run: some courses and students, and nobody enrolled. */
export async function cleanRows(kind: DatabaseKind, database: Database): Promise<Rows> {
  const moment = kind === 'sqlite' ? '1767225600000' : "'2026-01-01 00:00:00'";
  const list = (count: number, row: (number: number) => string): string =>
    Array.from({ length: count }, (_, index) => `(${row(index + 1)}, ${moment}, ${moment})`).join(', ');
  return database.em.fork().transactional(async em => {
    const run = <Result>(sql: string, method: 'all' | 'run' = 'run'): Promise<Result> =>
      em.getConnection().execute<never>(sql, [], method, em.getTransactionContext());
    // Triggers count the deletions too, and after a failed run there may be more rows than counts.
    await run('update core_course set total_enrollments = 1000000, active_enrollments = 1000000');
    for (const table of ['core_enrollments', 'core_course', 'core_user']) await run(`delete from ${table}`);
    await run(
      `insert into core_course (title, status, is_published, created_at, updated_at) values ${list(SEED.courses, number => `'Course ${number}', 'active', true`)}`,
    );
    await run(
      `insert into core_user (name, email, created_at, updated_at) values ${list(SEED.students, number => `'Student', 'student-${number}@example.org'`)}`,
    );
    const ids = async (table: string): Promise<Set<number>> =>
      new Set((await run<{ id: unknown }[]>(`select id from ${table} order by id`, 'all')).map(({ id }) => Number(id)));
    return { courses: await ids('core_course'), students: await ids('core_user'), enrollments: [] };
  });
}
