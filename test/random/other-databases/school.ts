import fc from 'fast-check';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import type { KeyForm } from '../../../src/entities/index.js';

/** A value as it is written into a statement, and what it means to us: undefined, nothing that the map names. */
export interface Meant {
  readonly value: string | number | boolean | null;
  readonly means: string | undefined;
}

interface TheirUser {
  readonly id: number;
  readonly first: string | null;
  readonly last: string | null;
  readonly email: string | null;
  readonly role: Meant;
  readonly gone: boolean;
}

interface TheirCourse {
  readonly id: number;
  readonly title: string;
  readonly status: Meant;
  readonly published: Meant;
  readonly count: number | null;
  readonly capacity: number | null;
  readonly instructor: number | null;
  readonly made: string | null;
}

interface TheirEnrollment {
  readonly id: number;
  readonly course: number;
  readonly student: number;
  readonly status: Meant;
  readonly made: string | null;
}

/** A database of another application: how its tables look, and their rows. */
export interface School {
  readonly tables: readonly [users: string, courses: string, enrollments: string];
  /** The names of columns; each table has these from another place on. */
  readonly names: readonly string[];
  readonly keyType: string;
  /** What the keys of each table are; those that are UUIDs follow from numbers. */
  readonly keys: readonly [users: KeyForm, courses: KeyForm, enrollments: KeyForm];
  readonly isNumbered: boolean;
  readonly wordType: string;
  readonly truthType: string;
  readonly momentType: string;
  readonly countType: string;
  readonly isCountNullable: boolean;
  readonly charset: string;
  readonly hasForeignKeys: boolean;
  readonly hasUniquePair: boolean;
  readonly hasTrigger: boolean;
  readonly hasOwnGenerated: boolean;
  readonly users: readonly TheirUser[];
  readonly courses: readonly TheirCourse[];
  readonly enrollments: readonly TheirEnrollment[];
}

/** Their words for each of our values, in small letters. */
export const words = {
  role: { STUDENT: ['student', 'pupil'], TEACHER: ['teacher'], ADMIN: ['admin'] },
  course: { DRAFT: ['draft'], ACTIVE: ['published', 'live'], ARCHIVED: ['closed'] },
  enrollment: { ACTIVE: ['active', 'enrolled'], COMPLETED: ['done'], DROPPED: ['left'], SUSPENDED: ['on hold'] },
  published: { true: ['yes', 'on'], false: ['no', 'off'] },
} as const;

const unknownWords = ['', ' ', 'paid', '?active', 'ACTIVÉ', 'a\\b', '%', 'nü'];

function word(choice: keyof typeof words): fc.Arbitrary<Meant> {
  const known = Object.entries(words[choice]).flatMap(([means, theirs]) =>
    theirs.map((value: string): Meant => ({ value, means })),
  );
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom<Meant>(...known) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...known), fc.constantFrom(' ', ''), fc.boolean())
        .map(([{ value, means }, space, isHigh]): Meant => ({
          value: `${space}${isHigh ? value.toUpperCase() : value[0]!.toUpperCase() + value.slice(1)}${space}`,
          means,
        })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom<Meant>(
        ...[...unknownWords, null].map((value): Meant => ({ value, means: undefined })),
      ),
    },
  );
}

/** A name as long as every database allows. */
function longName(beginning: string): string {
  return beginning.padEnd(63, 'x');
}

const tableNames = [
  'auth_user', 'courses_course', 'courses_enrollment', 'users', 'courses', 'enrollments', 'order', 'group', 'Select',
  'Course Title', 'küche', 'a-b', 'Users2', "it's", 'say "hi"', 'back`tick', 'c:\\temp\\', '$1 $body$', '名 前', ' x', '%s', longName('t'), 'other.users', 'users?', '??',
]; // prettier-ignore

const columnNames = [
  'id', 'user_no', 'order', 'select', 'first name', 'is_active', 'état', 'total_enrollments', 'title', 'createdAt',
  'created_at', 'from', '50%', ':n', 'status', 'name', 'email',
  'role', 'group', 'key', 'course_id', 'student_id', 'Course', 'capacity', 'instructor_id', 'active_enrollments',
  'updated_at', 'description', 'is_published', 'behind_x', 'value', 'rows', 'n', "it's", '"', '``', '\\', "\\'", '$1', '$$', '--', '/*',
  ' lead', ';', '名', '%', 'null', longName('c'), '(n)', '@a', '#1', 'e0', 'select *', 'a\tb', ',', '_', 'a.b', 'a?', '?', '??', 'core.id', '\\?', 'a:ref',
]; // prettier-ignore

const keyTypes: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: ['integer', 'integer', 'integer', 'bigint'],
  mysql: ['int', 'bigint', 'bigint unsigned', 'int unsigned'],
  mariadb: ['int', 'bigint', 'bigint unsigned', 'int unsigned'],
  postgresql: ['serial', 'identity', 'identity', 'bigint'],
};
const wordTypes: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: ['varchar(20)', 'text', 'char(12)', 'nvarchar(20)', 'string', ''],
  mysql: ['varchar(20)', 'text', 'char(12)', 'enum', 'varchar(20) character set latin1', 'varchar(20) character set utf8mb3', 'varchar(20) character set utf8mb4 collate utf8mb4_bin', 'varchar(20) character set latin1 collate latin1_german2_ci', 'varchar(20) character set ucs2', 'tinytext'],
  mariadb: ['varchar(20)', 'text', 'char(12)', 'enum', 'varchar(20) character set latin1', 'varchar(20) character set utf8mb3', 'varchar(20) character set utf8mb4 collate utf8mb4_bin', 'varchar(20) character set latin1 collate latin1_german2_ci', 'varchar(20) character set ucs2', 'tinytext'],
  postgresql: ['varchar(20)', 'text', 'char(12)', 'enum', 'citext', 'domain', 'varchar'],
}; // prettier-ignore
const truthTypes: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: ['bool', 'integer', 'boolean', 'tinyint(1)', 'word'],
  mysql: ['tinyint(1)', 'int', 'bit(1)', 'boolean', 'word'],
  mariadb: ['tinyint(1)', 'int', 'bit(1)', 'boolean', 'word'],
  postgresql: ['boolean', 'integer', 'word', 'smallint'],
};
const momentTypes: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: ['datetime', 'text', 'timestamp', 'date'],
  mysql: ['datetime', 'datetime(6)', 'timestamp(3)', 'date'],
  mariadb: ['datetime', 'datetime(6)', 'timestamp(3)', 'date'],
  postgresql: ['timestamp', 'timestamptz', 'date', 'timestamp(3)'],
};
const countTypes: Readonly<Record<DatabaseKind, readonly string[]>> = {
  sqlite: ['integer', 'int unsigned', 'bigint', 'none'],
  mysql: ['int', 'int unsigned', 'bigint', 'none', 'smallint unsigned'],
  mariadb: ['int', 'int unsigned', 'bigint', 'none', 'smallint unsigned'],
  postgresql: ['integer', 'bigint', 'none', 'smallint'],
};

/**
 * Returns a database that has what other applications have: keys beyond 32 bits, columns with our names and other
 * values, values that nobody named, moments that are none, rows whose course or student is gone, counts below 0.
 */
export function usualSchool(kind: DatabaseKind): School {
  const isServer = kind === 'mysql' || kind === 'mariadb';
  const none = isServer ? '0000-00-00 00:00:00' : null;
  const known = { value: 'Enrolled', means: 'ACTIVE' };
  return {
    tables: ['auth_user', 'Course Title', 'order'],
    // Those of courses begin at the twelfth: id, title, status, published, count, capacity …
    names: [
      'id', 'first name', 'name', 'email', 'role', 'is_active', 'état', 'key', 'group', 'from', 'select',
      'capacity', 'description', 'title', 'is_published', 'active_enrollments', 'value', 'instructor_id', 'created_at',
      'status', 'total_enrollments', 'rows',
      'course_id', 'student_id', 'n', 'state', 'updated_at', 'user_no', 'Course', 'order', '50%', 'behind_x', ':n',
    ], // prettier-ignore
    keyType: kind === 'sqlite' ? 'integer' : kind === 'postgresql' ? 'identity' : 'bigint',
    keys: ['number', 'number', 'number'],
    isNumbered: true,
    wordType: 'char(12)',
    truthType: kind === 'postgresql' ? 'boolean' : 'tinyint(1)',
    momentType: isServer ? 'timestamp(3)' : kind === 'sqlite' ? 'datetime' : 'timestamp',
    countType: 'bigint',
    isCountNullable: false,
    charset: 'latin1',
    hasForeignKeys: false,
    hasUniquePair: false,
    hasTrigger: true,
    hasOwnGenerated: true,
    users: [
      { id: 1, first: 'Ann', last: '', email: null, role: { value: ' Teacher', means: 'TEACHER' }, gone: false },
      {
        id: 4_294_967_299,
        first: null,
        last: null,
        email: 'a@school.example',
        role: { value: 'dean', means: undefined },
        gone: false,
      },
    ],
    courses: [
      {
        id: 9_007_199_254_740_991,
        title: 'Optics',
        status: { value: 'LIVE', means: 'ACTIVE' },
        published: { value: null, means: undefined },
        count: -3,
        capacity: 5,
        instructor: 1,
        made: none,
      },
      {
        id: 2,
        title: 'Drawing',
        status: { value: 'paid', means: undefined },
        published: { value: 'yes', means: 'true' },
        count: 7,
        capacity: null,
        instructor: 77,
        made: '2024-01-31 08:15:30',
      },
    ],
    enrollments: [
      { id: 1, course: 2, student: 1, status: known, made: '2024-01-31 08:15:30' },
      { id: 2, course: 2, student: 1, status: { value: 'paid', means: undefined }, made: none },
      { id: 3, course: 77, student: 77, status: known, made: null },
      { id: 4_294_967_300, course: 9_007_199_254_740_991, student: 4_294_967_299, status: known, made: null },
    ],
  };
}

/** Returns the same database with UUIDs of a form. */
export function uuidSchool(kind: DatabaseKind, keys: School['keys']): School {
  return { ...usualSchool(kind), keys };
}

/** Returns the forms of keys that a database has. */
export function keyFormsOf(kind: DatabaseKind): KeyForm[] {
  const common: KeyForm[] = ['number', 'uuid-text', 'uuid-hex', 'uuid-binary'];
  return kind === 'mariadb' || kind === 'postgresql' ? [...common, 'uuid'] : common;
}

/** Returns a database none of whose tables and columns has a usual name, to which rows can be added. */
export function oddlyNamedSchool(kind: DatabaseKind): School {
  const known = { value: 'Enrolled', means: 'ACTIVE' };
  return {
    ...usualSchool(kind),
    tables: [`it's the "users"?`, 'core.`course`', '$1 order \\'],
    names: [
      'a?', "it's", '"', 'c:\\temp\\', '``', '$$', '@a', 'état', 'x  as', '?', 'select',
      'core.id', '~~', 'a.b', "'", '??', '%s', ';', longName('c'), '名 前', '\\?', 'group',
      '--', 'c.d?', 'n', "\\'", '/*', '"?"', 'Course', 'order', '50%', 'behind_x', ':n',
    ], // prettier-ignore
    hasForeignKeys: true,
    users: [
      { id: 1, first: 'Ann', last: '', email: null, role: { value: 'teacher', means: 'TEACHER' }, gone: false },
      { id: 2, first: null, last: 'Bee', email: 'a@b.example', role: { value: '?', means: undefined }, gone: false },
    ],
    courses: [
      {
        id: 3,
        title: 'What\'s a \\? "name"',
        status: { value: 'live', means: 'ACTIVE' },
        published: { value: 'yes', means: 'true' },
        count: 7,
        capacity: null,
        instructor: 1,
        made: '2024-01-31 08:15:30',
      },
    ],
    enrollments: [{ id: 1, course: 3, student: 2, status: known, made: '2024-01-31 08:15:30' }],
  };
}

/** Returns random databases of other applications. */
export function schools(kind: DatabaseKind): fc.Arbitrary<School> {
  const from = (types: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...types);
  const id = (isLarge: boolean): fc.Arbitrary<number> =>
    fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 9 }) },
      {
        weight: isLarge ? 3 : 0,
        arbitrary: fc.constantFrom(4_294_967_299, 9_007_199_254_740_990, 9_007_199_254_740_991, 2_147_483_648),
      },
    );
  const moment = fc.constantFrom(null, '2024-01-31 08:15:30', '2025-02-28 23:59:59', '1999-12-31 00:00:00', '2024-01-31 08:15:30', ...(kind === 'mysql' || kind === 'mariadb' ? ['0000-00-00 00:00:00'] : []), ...(kind === 'postgresql' ? ['infinity'] : []), ...(kind === 'sqlite' ? ['soon'] : [])); // prettier-ignore
  return fc
    .record({
      keyType: from(keyTypes[kind]),
      tables: fc.uniqueArray(from(tableNames), { minLength: 3, maxLength: 3 }),
      names: fc.shuffledSubarray(columnNames, { minLength: 33, maxLength: 33 }),
    })
    .chain(({ keyType, tables, names }) => {
      const ids = id(!/^(int|integer|serial|int unsigned)$/.test(keyType) || kind === 'sqlite');
      return fc.record({
        keyType: fc.constant(keyType),
        keys: fc.oneof(
          fc.constant<School['keys']>(['number', 'number', 'number']),
          fc.tuple(
            ...([0, 1, 2].map(() => fc.constantFrom(...keyFormsOf(kind))) as [
              fc.Arbitrary<KeyForm>,
              fc.Arbitrary<KeyForm>,
              fc.Arbitrary<KeyForm>,
            ]),
          ),
        ),
        tables: fc.constant(tables as unknown as School['tables']),
        names: fc.constant(names),
        isNumbered: fc.integer({ min: 0, max: 4 }).map(n => n > 0),
        wordType: from(wordTypes[kind]),
        truthType: from(truthTypes[kind]),
        momentType: from(momentTypes[kind]),
        countType: from(countTypes[kind]),
        isCountNullable: fc.integer({ min: 0, max: 9 }).map(n => n === 9),
        charset: fc.constantFrom('utf8mb4', 'latin1', 'utf8mb3'),
        hasForeignKeys: fc.boolean(),
        hasUniquePair: fc.boolean(),
        hasTrigger: fc.boolean(),
        hasOwnGenerated: fc.boolean(),
        users: fc.uniqueArray(
          fc.record({
            id: ids,
            first: fc.constantFrom('Ann', ' Bo ', '', null, "O'Neil", 'Zoë'),
            last: fc.constantFrom('Bee', '', null, 'Čapek'.slice(1)),
            email: fc.constantFrom('a@school.example', 'A@School.example', '', ' ', null, 'b@school.example'),
            role: word('role'),
            gone: fc.boolean(),
          }),
          { selector: one => one.id, minLength: 1, maxLength: 5 },
        ),
        courses: fc.uniqueArray(
          fc.record({
            id: ids,
            title: fc.constantFrom('Optics', 'optics', ' Algebra', 'Éclair', '', 'x'.repeat(90), 'a%b', '0'),
            status: word('course'),
            published: word('published'),
            count: fc.constantFrom(null, 0, 1, 7, -3),
            capacity: fc.constantFrom(null, 0, 5),
            instructor: fc.option(ids),
            made: moment,
          }),
          { selector: one => one.id, minLength: 1, maxLength: 6 },
        ),
        enrollments: fc.uniqueArray(
          fc.record({ id: ids, course: ids, student: ids, status: word('enrollment'), made: moment }),
          { selector: one => one.id, maxLength: 9 },
        ),
      });
    });
}
