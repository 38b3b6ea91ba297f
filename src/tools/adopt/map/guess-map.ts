import { columnOfCount } from '../../../database/declared-counts.js';
import { formOf, textForm } from '../../../database/adoption/wanted.js';
import type { FoundTable } from '../../../database/schema/found-table.js';
import { storedCounts, type KeyForm } from '../../../entities/index.js';
import { courseReferenceNames, studentReferenceNames, type GuessedTables } from './guess-tables.js';
import { placeholderEmail, type DatabaseMap, type ValueSource } from '../../../map/map-form.js';
import { comparable } from '../../../map/sources.js';

/** The tables, all of which were recognized. */
type RecognizedTables = { readonly [Part in keyof GuessedTables]: FoundTable };

/** Returns the different values of a column, as its driver returns them. */
export type ValuesOf = (table: string, column: string) => Promise<readonly unknown[]>;

/** The words for a choice that mean one of ours; in the form in which values are compared. */
type Synonyms = Readonly<Record<string, readonly string[]>>;

/** The words for each role. Any other word for an admin must be written into the map. */
const roles: Synonyms = {
  STUDENT: ['student', 'students', 'learner', 'pupil', 'user', 'member'],
  TEACHER: ['teacher', 'teachers', 'instructor', 'professor', 'lecturer', 'tutor'],
  ADMIN: ['admin', 'administrator', 'superuser'],
};

const courseStatuses: Synonyms = {
  DRAFT: ['draft', 'unpublished', 'pending', 'new'],
  ACTIVE: ['active', 'published', 'open', 'live'],
  ARCHIVED: ['archived', 'archive', 'closed', 'retired', 'inactive'],
};

const enrollmentStatuses: Synonyms = {
  ACTIVE: ['active', 'enrolled', 'in progress', 'in_progress', 'started', 'approved'],
  COMPLETED: ['completed', 'complete', 'finished', 'passed', 'graduated'],
  DROPPED: ['dropped', 'cancelled', 'canceled', 'withdrawn', 'unenrolled'],
  SUSPENDED: ['suspended', 'paused', 'on hold', 'on_hold', 'blocked'],
};

/**
 * Returns the likeliest map of recognized tables. Values that no word explains are left out of it, so that the check
 * reports them. Errors: NoColumn.
 */
export async function guessMap(
  { users, courses, enrollments }: RecognizedTables,
  valuesOf: ValuesOf,
): Promise<DatabaseMap> {
  const choice = async (table: FoundTable, column: string, synonyms: Synonyms) => ({
    column,
    // Those that no row has yet, too, as far as the database says which it allows.
    values: wordsIn([...(await valuesOf(table.name, column)), ...table.columns.get(column)!.allowed], synonyms),
  });
  const role = firstOf(users, ['role', 'user_type', 'type']);
  const superuser = firstOf(users, ['is_superuser', 'is_admin', 'admin']);
  const status = firstOf(courses, ['status', 'state']);
  const published = firstOf(courses, ['is_published', 'published', 'is_active', 'active', 'visible']);
  const enrolled = firstOf(enrollments, ['status', 'state']);
  const inactive = firstOf(users, ['is_active', 'active']);
  const courseStatus = status === undefined ? undefined : await choice(courses, status, courseStatuses);
  const counts = Object.fromEntries(
    storedCounts.flatMap(({ counter: { into } }) => {
      const found = firstOf(courses, columnsOfCount(into));
      return found === undefined ? [] : [[into, found]];
    }),
  );
  return {
    version: 1,
    users: {
      table: users.name,
      ...keysOf(users),
      columns: {
        id: keyOf(users),
        name: nameOf(users),
        email: emailOf(users),
        role: role
          ? await choice(users, role, roles)
          : superuser
            ? { firstOf: [{ column: superuser, values: { ADMIN: [1] } }, { value: 'STUDENT' }] }
            : { value: 'STUDENT' },
        ...momentsOf(users, ['created_at', 'date_joined', 'created', 'inserted_at']),
      },
      emailIfTaken: placeholderEmail(keyOf(users)),
      ...(inactive && { inactive: { column: inactive, values: [0] } }),
    },
    courses: {
      table: courses.name,
      ...keysOf(courses),
      columns: {
        id: keyOf(courses),
        title: titleOf(courses),
        ...optional(courses, 'description', ['description', 'summary']),
        status: courseStatus ?? { value: 'ACTIVE' },
        isPublished: published ?? publishedBy(courseStatus),
        ...optional(courses, 'capacity', ['capacity', 'max_students', 'seats', 'max_enrollments']),
        ...optional(courses, 'instructor', ['instructor_id', 'teacher_id', 'owner_id', 'user_id', 'author_id']),
        ...momentsOf(courses, ['created_at', 'created', 'date_created', 'inserted_at']),
      },
      ...(Object.keys(counts).length > 0 && { counts }),
    },
    enrollments: {
      table: enrollments.name,
      ...keysOf(enrollments),
      columns: {
        id: keyOf(enrollments),
        course: one(enrollments, 'course', courseReferenceNames),
        student: one(enrollments, 'student', studentReferenceNames),
        status: enrolled ? await choice(enrollments, enrolled, enrollmentStatuses) : { value: 'ACTIVE' },
        ...optional(enrollments, 'enrolledAt', [
          'enrolled_at',
          'enrolled_on',
          'date_enrolled',
          'created_at',
          'created',
        ]),
        ...optional(enrollments, 'updatedAt', ['updated_at', 'updated', 'modified_at', 'last_accessed']),
      },
    },
  };
}

/** The error that a table has no column for a value that is needed; a map can name one. */
export class NoColumn extends Error {
  override readonly name = 'NoColumn';

  constructor(
    readonly table: string,
    readonly field: string,
    readonly looked: readonly string[],
  ) {
    super(`The table ${table} has no column for ${field} with a usual name: ${looked.join(', ')}.`);
  }
}

/** Returns their words for each of ours, in the order and spelling of the database. */
function wordsIn(values: readonly unknown[], synonyms: Synonyms): Record<string, string[]> {
  const found = Object.entries(synonyms).map(([ours, words]) => {
    const theirs = [...new Set(values.map(comparable))].filter(value => value !== null && words.includes(value));
    return [ours, theirs as string[]] as const;
  });
  return Object.fromEntries(found.filter(([, theirs]) => theirs.length > 0));
}

/** Returns whether a course is published, from its status where there is no column for that. */
function publishedBy(
  status: { column: string; values: Record<string, string[]> } | undefined,
): DatabaseMap['courses']['columns']['isPublished'] {
  const shown = status?.values['ACTIVE'];
  return status && shown ? { column: status.column, values: { true: shown }, otherwise: 'false' } : { value: true };
}

/** Returns where a title comes from; a course without one is shown with its key, because lists have an order of titles. */
function titleOf(courses: FoundTable): ValueSource {
  const title = one(courses, 'title', ['title', 'name', 'display_name', 'fullname']);
  return courses.columns.get(title)!.nullable
    ? { firstOf: [title, { template: `Course {${keyOf(courses)}}` }] }
    : title;
}

function nameOf(users: FoundTable): ValueSource {
  const whole = firstOf(users, ['name', 'full_name', 'display_name', 'fullname']);
  if (whole) return whole;
  const names = ['first_name', 'last_name'].filter(name => users.columns.has(name));
  const others = ['username', 'login', 'email'].filter(name => users.columns.has(name));
  if (names.length === 0 && others.length === 0)
    throw new NoColumn(users.name, 'name', ['name', 'first_name', 'username']);
  const parts = [...(names.length > 0 ? [{ template: names.map(name => `{${name}}`).join(' ') }] : []), ...others];
  return parts.length === 1 ? parts[0]! : { firstOf: parts };
}

/** Returns where an email comes from; a user without one gets an address at which nobody can be reached. */
function emailOf(users: FoundTable): ValueSource {
  const email = firstOf(users, ['email', 'email_address', 'mail']);
  const placeholder = placeholderEmail(keyOf(users));
  return email ? { firstOf: [email, placeholder] } : placeholder;
}

function momentsOf(table: FoundTable, created: readonly string[]): { createdAt?: string; updatedAt?: string } {
  return {
    ...optional(table, 'createdAt', created),
    ...optional(table, 'updatedAt', ['updated_at', 'updated', 'modified_at', 'modified']),
  };
}

function keyOf(table: FoundTable): string {
  const key = table.keys.find(({ isPrimary }) => isPrimary)?.columns ?? [];
  return key.length === 1 ? key[0]! : one(table, 'id', ['id']);
}

/** Returns what the keys of a table are, if they may be UUIDs. */
function keysOf(table: FoundTable): { keys?: KeyForm } {
  const { family, type } = table.columns.get(keyOf(table))!;
  const form = family === 'text' ? textForm(type) : formOf(family);
  return form === null || form === 'number' ? {} : { keys: form };
}

function one(table: FoundTable, field: string, names: readonly string[]): string {
  const found = firstOf(table, names);
  if (found === undefined) throw new NoColumn(table.name, field, names);
  return found;
}

function optional<const Field extends string>(
  table: FoundTable,
  field: Field,
  names: readonly string[],
): { readonly [Name in Field]?: string } {
  const found = firstOf(table, names);
  return (found === undefined ? {} : { [field]: found }) as { readonly [Name in Field]?: string };
}

/** Returns the names that a column of one of our counts may have. */
function columnsOfCount(property: string): string[] {
  const column = columnOfCount(property);
  const others = { totalEnrollments: ['enrollments_count', 'enrollment_count', 'total_students'] };
  return [column, ...(others[property as keyof typeof others] ?? []), `${column}_count`];
}

function firstOf({ columns }: FoundTable, names: readonly string[]): string | undefined {
  return names.find(name => columns.has(name));
}
