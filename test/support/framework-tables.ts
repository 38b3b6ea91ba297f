import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/** The words in which the frameworks' migrations declare columns on each kind of database. */
interface Words {
  readonly key: string;
  readonly reference: string;
  readonly text: string;
  readonly number: string;
  readonly moment: string;
}

const rails: Readonly<Record<DatabaseKind, Words>> = {
  sqlite: {
    key: 'integer primary key autoincrement not null',
    reference: 'integer',
    text: 'varchar',
    number: 'integer',
    moment: 'datetime(6)',
  },
  mysql: {
    key: 'bigint not null auto_increment primary key',
    reference: 'bigint',
    text: 'varchar(255)',
    number: 'int',
    moment: 'datetime(6)',
  },
  mariadb: {
    key: 'bigint not null auto_increment primary key',
    reference: 'bigint',
    text: 'varchar(255)',
    number: 'int',
    moment: 'datetime(6)',
  },
  postgresql: {
    key: 'bigserial primary key',
    reference: 'bigint',
    text: 'character varying',
    number: 'integer',
    moment: 'timestamp(6) without time zone',
  },
};

/**
 * Returns the statements that make the tables of a Rails app as its migrations make them: `enum` stores numbers,
 * `counter_cache` and counter_culture store counts that are not null, `t.timestamps` are not null, and there are neither
 * foreign keys nor a unique key, unless a migration asks for them.
 */
export function railsTables(kind: DatabaseKind): string[] {
  const { key, reference, text, number, moment } = rails[kind];
  const timestamps = `created_at ${moment} not null, updated_at ${moment} not null`;
  return [
    `create table users (id ${key}, name ${text}, email ${text} not null, role ${number} default 0 not null, ${timestamps})`,
    `create table courses (id ${key}, title ${text}, status ${number} default 0 not null, user_id ${reference}, enrollments_count ${number} default 0 not null, active_enrollments_count ${number} default 0 not null, ${timestamps})`,
    `create table enrollments (id ${key}, user_id ${reference} not null, course_id ${reference} not null, status ${number} default 0 not null, ${timestamps})`,
    'create index index_enrollments_on_user_id on enrollments (user_id)',
    'create index index_enrollments_on_course_id on enrollments (course_id)',
    `insert into users (name, email, role, created_at, updated_at) values ('Ann', 'ann@school.example', 1, ${FIRST}, ${FIRST}), ('Bob', 'bob@school.example', 0, ${FIRST}, ${FIRST}), ('Cleo', 'cleo@school.example', 0, ${FIRST}, ${FIRST})`,
    `insert into courses (title, status, user_id, enrollments_count, active_enrollments_count, created_at, updated_at) values ('Optics', 1, 1, 9, 9, ${FIRST}, ${FIRST})`,
    // Without a unique key, a student can be in a course twice; 7 is no status that the app knows.
    `insert into enrollments (user_id, course_id, status, created_at, updated_at) values (2, 1, 0, ${FIRST}, ${FIRST}), (2, 1, 2, ${FIRST}, ${FIRST}), (3, 1, 7, ${FIRST}, ${FIRST})`,
  ];
}

const laravel: Readonly<Record<DatabaseKind, Words>> = {
  sqlite: {
    key: 'integer primary key autoincrement not null',
    reference: 'integer',
    text: 'varchar',
    number: 'integer',
    moment: 'datetime',
  },
  mysql: {
    key: 'bigint unsigned not null auto_increment primary key',
    reference: 'bigint unsigned',
    text: 'varchar(255)',
    number: 'int',
    moment: 'timestamp',
  },
  mariadb: {
    key: 'bigint unsigned not null auto_increment primary key',
    reference: 'bigint unsigned',
    text: 'varchar(255)',
    number: 'int',
    moment: 'timestamp',
  },
  postgresql: {
    key: 'bigserial not null primary key',
    reference: 'bigint',
    text: 'varchar(255)',
    number: 'integer',
    moment: 'timestamp(0) without time zone',
  },
};

/**
 * Returns the statements that make the tables of a Laravel app as its migrations make them: `timestamps()` and
 * `softDeletes()` can be null, `foreignId()->constrained()` makes foreign keys, and counts are computed by `withCount()`.
 */
export function laravelTables(kind: DatabaseKind): string[] {
  const { key, reference, text, moment } = laravel[kind];
  const timestamps = `created_at ${moment} null, updated_at ${moment} null`;
  return [
    `create table users (id ${key}, name ${text} not null, email ${text} not null, email_verified_at ${moment} null, password ${text} not null, remember_token varchar(100) null, ${timestamps})`,
    'create unique index users_email_unique on users (email)',
    `create table courses (id ${key}, title ${text} not null, status ${text} default 'draft' not null, user_id ${reference} not null, ${timestamps}, deleted_at ${moment} null,
      constraint courses_user_id_foreign foreign key (user_id) references users (id) on delete cascade)`,
    `create table enrollments (id ${key}, user_id ${reference} not null, course_id ${reference} not null, status ${text} default 'active' not null, ${timestamps}, deleted_at ${moment} null,
      constraint enrollments_user_id_foreign foreign key (user_id) references users (id) on delete cascade,
      constraint enrollments_course_id_foreign foreign key (course_id) references courses (id) on delete cascade)`,
    'create unique index enrollments_user_id_course_id_unique on enrollments (user_id, course_id)',
    `insert into users (name, email, password, created_at) values ('Ann', 'ann@school.example', '!', ${FIRST}), ('Bob', 'bob@school.example', '!', null), ('Cleo', 'cleo@school.example', '!', ${FIRST})`,
    `insert into courses (title, status, user_id, created_at) values ('Optics', 'published', 1, ${FIRST})`,
    `insert into enrollments (user_id, course_id, status, created_at, deleted_at) values (2, 1, 'active', ${FIRST}, null), (3, 1, 'active', null, ${FIRST})`,
  ];
}

/** A moment as both store it: in UTC. */
const FIRST = "'2024-01-31 08:15:30'";
