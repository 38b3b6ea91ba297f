import type { FoundTable, FoundTables } from '../../../database/schema/found-table.js';
import { mapParts, type MapPart } from '../../../map/map-form.js';

/** The tables that hold the users, the courses and the enrollments, as far as they were recognized. */
export type GuessedTables = Readonly<Record<MapPart, FoundTable | undefined>>;

/** The words by which applications name such tables, the likeliest first; a prefix such as `core_` does not matter. */
const words: Readonly<Record<MapPart, readonly string[]>> = {
  users: ['user', 'users', 'customuser', 'account', 'accounts', 'member', 'members', 'student', 'students'],
  courses: ['course', 'courses'],
  enrollments: [
    'enrollments',
    'enrollment',
    'enrolments',
    'enrolment',
    'courseenrollment',
    'course_enrollments',
    'course_user',
    'registrations',
    'registration',
  ],
};

/** The columns that name an enrollment's course. */
export const courseReferenceNames = ['course_id', 'course'];

/** The columns that name an enrollment's student, the likeliest first. */
export const studentReferenceNames = ['student_id', 'user_id', 'learner_id', 'student', 'user'];

/**
 * Recognizes the tables by their names, and by the foreign keys of the enrollments, which say more than names: an
 * application has one table of enrollments, but may have `auth_user` beside `core_user`.
 */
export function guessTables(tables: FoundTables): GuessedTables {
  const enrollments = named(tables, 'enrollments').find(
    ({ columns }) => has(columns, courseReferenceNames) && has(columns, studentReferenceNames),
  );
  const referredBy = (names: readonly string[]): FoundTable | undefined => {
    const key = enrollments?.references.find(({ columns }) => columns.length === 1 && names.includes(columns[0]!));
    return key && tables.get(key.table);
  };
  return {
    enrollments,
    courses: referredBy(courseReferenceNames) ?? named(tables, 'courses')[0],
    users: referredBy(studentReferenceNames) ?? named(tables, 'users')[0],
  };
}

/** Returns the tables whose names say one of the words of a part, the likeliest first. */
function named(tables: FoundTables, part: MapPart): FoundTable[] {
  // A view of a table often has its name with a word before it.
  const ordered = [...tables.values()].toSorted((a, b) => Number(a.unfit !== null) - Number(b.unfit !== null));
  return words[part].flatMap(word =>
    ordered.filter(({ name }) => name.toLowerCase() === word || name.toLowerCase().endsWith(`_${word}`)),
  );
}

function has(columns: FoundTable['columns'], names: readonly string[]): boolean {
  return names.some(name => columns.has(name));
}

/** Returns the parts whose table was not recognized. */
export function unrecognized(guessed: GuessedTables): MapPart[] {
  return mapParts.filter(part => guessed[part] === undefined);
}
