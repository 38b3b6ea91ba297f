import type { RequiredEntityData } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { Course, CourseStatus, Role, User, type Key } from '../../entities/index.js';
import { quotedCell } from './bad-row.js';
import { coursesBy, usersBy } from './lookups.js';
import { ouladBlocks, type OuladFiles, type OuladRow } from './oulad-files.js';
import { placing } from './place-batch.js';
import type { Placement } from './placement.js';
import { runImport, type ImportOptions, type ImportResult } from './run-import.js';

/**
 * Imports the Open University Learning Analytics Dataset: a course for each presentation, found by its exact title
 * ("AAA 2013J"), a user for each student, an enrollment for each registration. What is missing is made.
 *
 * Withdrawn is DROPPED; Pass, Distinction and Fail are COMPLETED. Errors: ImportError.
 */
export function importOulad(database: Database, files: OuladFiles, options: ImportOptions = {}): Promise<ImportResult> {
  return runImport(
    database,
    {
      sources: Object.values(files),
      measured: files.studentRegistration,
      blocks: () => ouladBlocks(files),
      ...placing(ouladPlacements),
    },
    options,
  );
}

async function ouladPlacements(
  em: SqlEntityManager,
  rows: readonly OuladRow[],
  rehearsal: boolean,
): Promise<{ placements: Placement[]; bad: [] }> {
  const courses = await courseIds(em, rows, rehearsal);
  const students = await studentIds(em, rows, rehearsal);
  const placements = rows.flatMap(({ file, line, title, student, status, enrolledAt }) => {
    const [courseId, studentId] = [courses.get(title), students.get(ouladEmail(student))];
    if (courseId !== undefined && studentId !== undefined)
      return [{ file, line, courseId, studentId, status, enrolledAt }];
    // What a rehearsal misses is made later, and a new course or student cannot be refused.
    if (rehearsal) return [];
    throw new Error(
      `${file}:${line}: course ${quotedCell(title)} or user ${ouladEmail(student)} was made, but cannot be found.`,
    );
  });
  return { placements, bad: [] };
}

async function courseIds(
  em: SqlEntityManager,
  rows: readonly OuladRow[],
  rehearsal: boolean,
): Promise<Map<string, Key>> {
  const wanted = new Map(rows.map(({ title, description }) => [title, description]));
  const found = await coursesBy(em, 'title', [...wanted.keys()]);
  // Of courses with the same title the first one counts.
  const ids = new Map(found.toReversed().map(({ id, title }) => [title, id]));
  if (rehearsal) return ids;
  const missing = [...wanted].filter(([title]) => !ids.has(title));
  const made = missing.map(([title, description]) =>
    em.create(Course, { title, description, status: CourseStatus.ACTIVE, isPublished: true }),
  );
  await em.flush();
  for (const { id, title } of made) ids.set(title, id);
  return ids;
}

async function studentIds(
  em: SqlEntityManager,
  rows: readonly OuladRow[],
  rehearsal: boolean,
): Promise<Map<string, Key>> {
  const wanted = new Map(rows.map(({ student }) => [ouladEmail(student), student]));
  const ids = new Map((await usersBy(em, 'email', [...wanted.keys()])).map(({ id, email }) => [email, id]));
  const missing = [...wanted].filter(([email]) => !ids.has(email));
  if (rehearsal || missing.length === 0) return ids;
  const now = new Date();
  const users = missing.map(([email, student]): RequiredEntityData<User> => ({
    email,
    name: `Student ${student}`,
    role: Role.STUDENT,
    createdAt: now,
    updatedAt: now,
  }));
  // Another import may be making the same users.
  await em.createQueryBuilder(User).insert(users).onConflict('email').ignore().execute();
  for (const { id, email } of await usersBy(
    em,
    'email',
    missing.map(([missingEmail]) => missingEmail),
  ))
    ids.set(email, id);
  return ids;
}

function ouladEmail(student: string): string {
  return `student-${student}@oulad.example.org`;
}
