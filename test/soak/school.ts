import type { SoakDatabase } from './database.ts';
import { tokenOf } from './rollcall.ts';

const FEW_SEATS = 5;
const STUDENT_TOKENS = 20;

/** The rows of a soak, and tokens to send calls with. */
export interface School {
  readonly admin: string;
  /** Tokens of students. */
  readonly studentTokens: readonly string[];
  /** The students that only the load enrolls. */
  readonly students: readonly string[];
  /** Permanent courses, ascending; the first has few seats. */
  readonly courses: readonly string[];
}

/** Adds students and courses to a migrated, empty database. */
export async function addSchool(
  database: SoakDatabase,
  size: { readonly students: number; readonly courses: number },
): Promise<School> {
  const now = database.kind === 'sqlite' ? String(Date.now()) : "'2026-01-01 00:00:00'";
  const rows = (count: number, row: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => `(${row(index)})`).join(', ');
  await database.query(
    `insert into core_user (name, email, role, created_at, updated_at) values ${rows(size.students, index => `'Student ${index}', 'student-${index}@example.org', 'student', ${now}, ${now}`)}`,
  );
  await database.query(
    `insert into core_course (title, status, is_published, capacity, created_at, updated_at) values ${rows(size.courses, index => `'Course ${index}', 'active', 1, ${index === 0 ? FEW_SEATS : 'null'}, ${now}, ${now}`)}`,
  );
  const ids = async (table: string): Promise<string[]> =>
    (await database.query<{ id: number }>(`select id from ${table} order by id`)).map(({ id }) => String(id));
  const [students, courses, admin] = [await ids('core_user'), await ids('core_course'), await tokenOf('admin')];
  const studentTokens = await Promise.all(students.slice(0, STUDENT_TOKENS).map(id => tokenOf('student', id)));
  return { admin, studentTokens, students, courses };
}
