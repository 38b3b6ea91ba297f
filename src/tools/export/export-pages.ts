import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, Enrollment, User, shownKey, type Key } from '../../entities/index.js';
import { isUnknownMoment, unknownValueIn } from '../../map/choices.js';
import { coursesBy, usersBy } from '../import/lookups.js';

/** The most rows that are in memory at once. */
const PAGE_ROWS = 1000;

/** A value of an exported row; null: it has none. */
export type ExportedValue = string | number | boolean | null;

/** What is exported: its number of rows, its columns, which the import of the same rows knows, and its pages in the order of the ids. */
export interface ExportedTable {
  readonly count: (em: SqlEntityManager) => Promise<number>;
  readonly columns: readonly string[];
  readonly pages: (em: SqlEntityManager) => AsyncGenerator<readonly (readonly ExportedValue[])[]>;
}

/** All users. */
export const exportedUsers: ExportedTable = {
  count: em => em.count(User),
  columns: ['name', 'email', 'role', 'created_at'],
  async *pages(em) {
    for await (const users of pagesOf(after => em.find(User, behind(after), pageOptions)))
      yield users.map(({ name, email, role, createdAt }) => [name, email, asTheirs(role), shown(createdAt)]);
  },
};

/** All courses, with the emails of their instructors. */
export const exportedCourses: ExportedTable = {
  count: em => em.count(Course),
  columns: ['title', 'description', 'status', 'is_published', 'capacity', 'instructor', 'created_at'],
  async *pages(em) {
    for await (const courses of pagesOf(after => em.find(Course, behind(after), pageOptions))) {
      const emails = await emailsOf(
        em,
        courses.flatMap(({ instructor }) => instructor?.id ?? []),
      );
      yield courses.map(({ title, description, status, isPublished, capacity, instructor, createdAt }) => [
        title,
        description ?? null,
        asTheirs(status),
        isPublished,
        capacity ?? null,
        instructor ? (emails.get(instructor.id) ?? null) : null,
        shown(createdAt),
      ]);
    }
  },
};

/** Returns all enrollments, with titles and emails, which are the same in another database, or with ids. */
export function exportedEnrollments(by: 'name' | 'id'): ExportedTable {
  return {
    count: em => em.count(Enrollment),
    columns: ['course', 'student', 'status', 'enrolled_at'],
    async *pages(em) {
      for await (const enrollments of pagesOf(after => em.find(Enrollment, behind(after), pageOptions))) {
        const titles =
          by === 'id'
            ? null
            : await titlesOf(
                em,
                enrollments.map(({ course }) => course.id),
              );
        const emails =
          by === 'id'
            ? null
            : await emailsOf(
                em,
                enrollments.map(({ student }) => student.id),
              );
        yield enrollments.map(({ course, student, status, enrolledAt }) => [
          titles?.get(course.id) ?? shownKey(course.id),
          emails?.get(student.id) ?? shownKey(student.id),
          asTheirs(status),
          shown(enrolledAt),
        ]);
      }
    },
  };
}

/** Returns a value of ours as it is, and one of another application that its map does not name as that has it. */
function asTheirs(value: string): string {
  return unknownValueIn(value) ?? value;
}

/** Returns a moment; null for that of a row of another application that has none. */
function shown(moment: Date): string | null {
  return isUnknownMoment(moment) ? null : moment.toISOString();
}

const pageOptions = { orderBy: { id: 'asc' }, limit: PAGE_ROWS, disableIdentityMap: true } as const;

/** Returns the condition of rows with higher keys than that of another row. */
function behind(after: Key | null): { id?: { $gt: Key } } {
  return after === null ? {} : { id: { $gt: after } };
}

async function* pagesOf<Row extends { id: Key }>(read: (after: Key | null) => Promise<Row[]>): AsyncGenerator<Row[]> {
  for (let after: Key | null = null; ;) {
    const page = await read(after);
    if (page.length > 0) yield page;
    if (page.length < PAGE_ROWS) return;
    after = page.at(-1)!.id;
  }
}

async function titlesOf(em: SqlEntityManager, ids: readonly Key[]): Promise<Map<Key, string>> {
  return new Map((await coursesBy(em, 'id', ids)).map(({ id, title }) => [id, title]));
}

async function emailsOf(em: SqlEntityManager, ids: readonly Key[]): Promise<Map<Key, string>> {
  return new Map((await usersBy(em, 'id', ids)).map(({ id, email }) => [id, email]));
}
