import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { Course, CourseStatus, MAX_CAPACITY, Role, User, type Key } from '../../entities/index.js';
import { truthInText } from '../../map/truth.js';
import { courseProblems } from '../../use-cases/courses.js';
import { quotedCell, type BadRow } from './bad-row.js';
import type { Placed } from './placed.js';
import { foundUsers, referenceOf, type Reference } from './references.js';
import { readBlocks, type FileOptions, type RowContext } from './read-blocks.js';
import { runImport, type ImportOptions, type ImportResult } from './run-import.js';
import type { Source } from './source.js';
import type { FileColumn, FileRow } from './table.js';

/** The columns of a file of courses; those with `?` are optional. */
export const courseColumns = [
  'title',
  'description?',
  'status?',
  'is_published?',
  'capacity?',
  'instructor?',
  'created_at?',
] as const;

type CourseColumn = FileColumn<typeof courseColumns>;

/** Other names that files have for the columns of courses. */
const courseAliases: Readonly<Record<CourseColumn, readonly string[]>> = {
  title: ['name', 'course', 'course_title', 'course_name', 'full_name'],
  description: ['summary'],
  status: ['state', 'course_status'],
  is_published: ['published', 'visible'],
  capacity: ['seats', 'max_students'],
  instructor: ['instructor_id', 'instructor_email', 'teacher', 'teacher_id', 'teacher_email'],
  created_at: ['created', 'created_on'],
};

/** The properties of a course as a file has them; undefined: the file says nothing. */
interface CourseProperties {
  readonly description: string | undefined;
  readonly status: CourseStatus | undefined;
  readonly isPublished: boolean | undefined;
  readonly capacity: number | undefined;
}

interface ImportedCourse {
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly state: CourseProperties;
  readonly instructor: Reference | null;
  readonly createdAt: Date;
}

/**
 * Imports courses from a table: `title`, and optionally `description`, `status` (DRAFT if left out), `is_published`
 * (false), `capacity`, `instructor` (the id or email of a teacher or an admin) and `created_at`. A course whose exact
 * title is there already stays as it is; the row is bad if what it says of the course differs. Errors: ImportError.
 */
export function importCourses(
  database: Database,
  source: Source,
  options: ImportOptions & FileOptions = {},
): Promise<ImportResult> {
  const form = { maxValueLines: Number.POSITIVE_INFINITY, ...options.form };
  return runImport(
    database,
    {
      sources: [source],
      measured: source,
      // A description may have any number of lines.
      blocks: () => readBlocks(source, courseColumns, courseAliases, { ...options, form }, courseOf),
      write: (em, rows) => place(em, rows, null),
      rehearsal() {
        const seen: KnownCourse[] = [];
        return (em, rows) => place(em, rows, seen);
      },
    },
    options,
  );
}

function courseOf({ line, values }: FileRow<CourseColumn>, { file, now, dates }: RowContext): ImportedCourse | BadRow {
  const bad = (code: BadRow['code'], message: string): BadRow => ({ file, line, code, message });
  const status = Object.values(CourseStatus).find(one => one === values.status.toLowerCase());
  const isPublished = truthInText(values.is_published);
  const capacity = /^\d{1,10}$/.test(values.capacity) ? Number(values.capacity) : Number.NaN;
  const createdAt = values.created_at === '' ? now : dates.read(values.created_at);
  if (values.status !== '' && !status)
    return bad(
      'BAD_STATUS',
      `The status ${quotedCell(values.status)} is none of ${Object.values(CourseStatus).join(', ')}; --values says what it means.`,
    );
  if (values.is_published !== '' && isPublished === undefined)
    return bad('BAD_VALUE', `is_published ${quotedCell(values.is_published)} is neither true nor false.`);
  if (values.capacity !== '' && !(capacity <= MAX_CAPACITY))
    return bad(
      'BAD_VALUE',
      `The capacity ${quotedCell(values.capacity)} is not a whole number from 0 to ${MAX_CAPACITY}.`,
    );
  if (!createdAt) return bad('BAD_DATE', `The moment ${quotedCell(values.created_at)} is not ${dates.expected}.`);
  const { title } = values;
  const state: CourseProperties = {
    description: values.description || undefined,
    status,
    isPublished,
    capacity: values.capacity === '' ? undefined : capacity,
  };
  // Absent properties are left as they are: only those that the file has are examined.
  const [problem] = courseProblems({
    title,
    ...(state.description !== undefined && { description: state.description }),
  });
  if (problem) return bad('BAD_VALUE', problem.message);
  const instructor = values.instructor === '' ? null : referenceOf(values.instructor);
  return { file, line, title, state, instructor, createdAt };
}

interface KnownCourse {
  readonly title: string;
  readonly description: string | null;
  readonly status: Course['status'];
  readonly isPublished: boolean;
  readonly capacity: number | null;
  readonly instructor: Key | null;
}

async function place(
  em: SqlEntityManager,
  rows: readonly ImportedCourse[],
  seen: KnownCourse[] | null,
): Promise<Placed> {
  const instructorOf = await instructors(em, rows);
  const titles = new Set(rows.map(({ title }) => title));
  const known = Map.groupBy([...(seen ?? []), ...(await coursesCalled(em, titles))], ({ title }) => title);
  const bad: BadRow[] = [];
  let added = 0;
  for (const { file, line, title, state, instructor: reference, createdAt } of rows) {
    const instructor = reference && instructorOf(reference);
    if (instructor !== null && typeof instructor === 'object') {
      bad.push({ file, line, ...instructor });
      continue;
    }
    const before = known.get(title);
    if (before) {
      if (!before.some(course => isAsSaid(course, state, instructor)))
        bad.push({
          file,
          line,
          code: 'DIFFERENT',
          message: `The course ${quotedCell(title)} is there already, with another description, status, publication, capacity or instructor. Change the file or the course.`,
        });
      continue;
    }
    const course: KnownCourse = {
      title,
      description: state.description ?? null,
      status: state.status ?? CourseStatus.DRAFT,
      isPublished: state.isPublished ?? false,
      capacity: state.capacity ?? null,
      instructor,
    };
    known.set(title, [course]);
    added += 1;
    if (seen) seen.push(course);
    else
      em.create(Course, {
        ...course,
        createdAt,
        instructor: instructor === null ? null : em.getReference(User, instructor, { wrapped: true }),
      });
  }
  if (!seen) await em.flush();
  return { added, alreadyThere: rows.length - added - bad.length, bad };
}

function isAsSaid(course: KnownCourse, state: CourseProperties, instructor: Key | null): boolean {
  const said = { ...state, instructor: instructor ?? undefined };
  return Object.entries(said).every(
    ([name, value]) => value === undefined || course[name as keyof KnownCourse] === value,
  );
}

async function coursesCalled(em: SqlEntityManager, titles: ReadonlySet<string>): Promise<KnownCourse[]> {
  const rows = await em.find(
    Course,
    { title: { $in: [...titles] } },
    {
      orderBy: { id: 'asc' },
      disableIdentityMap: true,
    },
  );
  return rows.map(({ title, description, status, isPublished, capacity, instructor }) => ({
    title,
    description: description ?? null,
    status,
    isPublished,
    capacity: capacity ?? null,
    instructor: instructor?.id ?? null,
  }));
}

async function instructors(
  em: SqlEntityManager,
  rows: readonly ImportedCourse[],
): Promise<(reference: Reference) => Key | Pick<BadRow, 'code' | 'message'>> {
  const references = rows.flatMap(({ instructor }) => instructor ?? []);
  const found = await foundUsers(em, references, {}, 'instructor');
  const ids = new Set(references.map(found).filter(one => typeof one !== 'object'));
  const students =
    ids.size === 0 ? [] : await em.find(User, { id: { $in: [...ids] }, role: Role.STUDENT }, { fields: ['id'] });
  const isStudent = new Set(students.map(({ id }) => id));
  return reference => {
    const id = found(reference);
    if (typeof id === 'object' || !isStudent.has(id)) return id;
    return {
      code: 'BAD_INSTRUCTOR',
      message: `The user ${quotedCell(reference.text)} is a student; an instructor is a teacher or an admin.`,
    };
  };
}
