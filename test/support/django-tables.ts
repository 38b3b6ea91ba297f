import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/** The words in which Django 3.2's migrations declare columns on each kind of database. */
const words: Readonly<Record<DatabaseKind, Readonly<Record<'key' | 'moment' | 'flag' | 'count' | 'text', string>>>> = {
  sqlite: {
    key: 'integer not null primary key autoincrement',
    moment: 'datetime',
    flag: 'bool',
    count: 'integer unsigned',
    text: 'text',
  },
  mysql: {
    key: 'bigint not null auto_increment primary key',
    moment: 'datetime(6)',
    flag: 'tinyint(1)',
    count: 'int unsigned',
    text: 'longtext',
  },
  mariadb: {
    key: 'bigint not null auto_increment primary key',
    moment: 'datetime(6)',
    flag: 'tinyint(1)',
    count: 'int unsigned',
    text: 'longtext',
  },
  postgresql: {
    key: 'bigserial not null primary key',
    moment: 'timestamp with time zone',
    flag: 'boolean',
    count: 'integer',
    text: 'text',
  },
};

/**
 * Returns the statements that make the tables of a Django app with courses, as its migrations make them: users from
 * AbstractUser, courses with a slug and a price, enrollments with their progress, and three tables that refer to them.
 */
export function djangoTables(kind: DatabaseKind, { uniquePair = true } = {}): string[] {
  const { key, moment, flag, count, text } = words[kind];
  const later = kind === 'mysql' || kind === 'mariadb' ? '' : ' deferrable initially deferred';
  const to = (column: string, table: string, name: string): string =>
    `constraint ${name} foreign key (${column}) references ${table} (id)${later}`;
  return [
    `create table core_user (id ${key}, password varchar(128) not null, last_login ${moment} null, is_superuser ${flag} not null,
      username varchar(150) not null unique, first_name varchar(150) not null, last_name varchar(150) not null, email varchar(254) not null,
      is_staff ${flag} not null, is_active ${flag} not null, date_joined ${moment} not null, role varchar(10) not null,
      phone varchar(15) not null, bio ${text} not null, created_at ${moment} not null, updated_at ${moment} not null)`,
    `create table core_category (id ${key}, name varchar(100) not null unique, slug varchar(50) not null unique)`,
    `create table core_course (id ${key}, title varchar(200) not null, slug varchar(220) not null unique, description ${text} not null,
      short_description varchar(300) not null, price numeric(10, 2) not null, level varchar(20) not null, duration_hours ${count} not null,
      status varchar(20) not null, is_published ${flag} not null, total_enrollments ${count} not null check (total_enrollments >= 0),
      rating numeric(3, 2) not null, created_at ${moment} not null, updated_at ${moment} not null, category_id bigint null, instructor_id bigint null,
      ${to('category_id', 'core_category', 'core_course_category_id_6eee1bdf_fk')}, ${to('instructor_id', 'core_user', 'core_course_instructor_id_8dd6ea2e_fk')})`,
    `create table core_enrollments (id ${key}, status varchar(20) not null, progress numeric(5, 2) not null, enrolled_at ${moment} not null,
      completed_at ${moment} null, last_accessed ${moment} not null, certificate_issued ${flag} not null, course_id bigint not null, student_id bigint not null,
      ${to('course_id', 'core_course', 'core_enrollments_course_id_472b9bbc_fk')}, ${to('student_id', 'core_user', 'core_enrollments_student_id_432e61ec_fk')})`,
    ...(uniquePair
      ? [
          'create unique index core_enrollments_student_id_course_id_f5e024f8_uniq on core_enrollments (student_id, course_id)',
        ]
      : []),
    `create table core_payment (id ${key}, amount numeric(10, 2) not null, course_id bigint not null, user_id bigint not null,
      ${to('course_id', 'core_course', 'core_payment_course_id_7ea2a29f_fk')}, ${to('user_id', 'core_user', 'core_payment_user_id_274e164a_fk')})`,
  ];
}

/** What an INSERT into the tables of a Django app must fill, in the form of a map. */
export const filledByDjango = {
  courses: {
    description: { value: '' },
    slug: { slug: '{title}-{id}' },
    short_description: { value: '' },
    price: { value: 0 },
    level: { value: 'beginner' },
    duration_hours: { value: 0 },
    rating: { value: 0 },
  },
  enrollments: { progress: { value: 0 }, certificate_issued: { value: false } },
} as const;

/** A user of a Django app; what is left out has a usual value. */
export interface DjangoUser {
  readonly id: number | string;
  readonly username?: string;
  readonly firstName?: string;
  readonly lastName?: string;
  readonly email?: string;
  readonly role?: string;
  readonly isActive?: boolean;
}

/** Returns the statement that adds users. */
export function djangoUsers(users: readonly DjangoUser[]): string {
  const rows = users.map(
    ({
      id,
      username = `user${id}`,
      firstName = '',
      lastName = '',
      email = `${username}@school.example`,
      role = 'student',
      isActive = true,
    }) =>
      [
        id,
        quoted('!'),
        'null',
        false,
        quoted(username),
        quoted(firstName),
        quoted(lastName),
        quoted(email),
        false,
        isActive,
        FIRST,
        quoted(role),
        quoted(''),
        quoted(''),
        FIRST,
        FIRST,
      ].join(', '),
  );
  return `insert into core_user (id, password, last_login, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined, role, phone, bio, created_at, updated_at) values ${inRows(rows)}`;
}

/** A course of a Django app; what is left out has a usual value. */
export interface DjangoCourse {
  readonly id: number | string;
  readonly title?: string;
  readonly status?: string;
  readonly isPublished?: boolean;
  readonly totalEnrollments?: number;
  readonly instructor?: number | null;
}

/** Returns the statement that adds courses. */
export function djangoCourses(courses: readonly DjangoCourse[]): string {
  const rows = courses.map(
    ({
      id,
      title = `Course ${id}`,
      status = 'published',
      isPublished = true,
      totalEnrollments = 0,
      instructor = null,
    }) =>
      [
        id,
        quoted(title),
        quoted(`course-${id}`),
        quoted('All of it.'),
        quoted(''),
        '49.90',
        quoted('beginner'),
        8,
        quoted(status),
        isPublished,
        totalEnrollments,
        '4.50',
        FIRST,
        FIRST,
        'null',
        instructor ?? 'null',
      ].join(', '),
  );
  return `insert into core_course (id, title, slug, description, short_description, price, level, duration_hours, status, is_published, total_enrollments, rating, created_at, updated_at, category_id, instructor_id) values ${inRows(rows)}`;
}

/** An enrollment of a Django app. */
export type DjangoEnrollment = readonly [
  id: number | string,
  course: number | string,
  student: number | string,
  status?: string,
];

/** Returns the statement that adds enrollments. */
export function djangoEnrollments(enrollments: readonly DjangoEnrollment[]): string {
  const rows = enrollments.map(([id, course, student, status = 'active']) =>
    [id, quoted(status), '12.50', LATER, 'null', LATER, false, course, student].join(', '),
  );
  return `insert into core_enrollments (id, status, progress, enrolled_at, completed_at, last_accessed, certificate_issued, course_id, student_id) values ${inRows(rows)}`;
}

/** Moments as Django stores them: in UTC, with microseconds. */
const FIRST = "'2024-01-31 08:15:30.123456'";
const LATER = "'2025-02-28 23:59:59.999999'";

function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function inRows(rows: readonly string[]): string {
  return rows.map(row => `(${row})`).join(', ');
}
