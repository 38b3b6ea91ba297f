import { INITIAL_TABLES } from '../made-tables.js';
import { oneLine } from '../one-line.js';
import { TableMigration } from '../table-migration.js';
import { sqliteCatalog } from './catalog.js';

/** Creates users, courses with their stored counts, and enrollments, on SQLite. */
export class Initial extends TableMigration {
  override readonly tables = INITIAL_TABLES;
  protected override readonly catalog = sqliteCatalog;

  protected override make(): void {
    this.addSql(oneLine`create table core_user (
      id integer not null primary key autoincrement,
      name text not null,
      email text not null,
      role text check (role in ('student', 'teacher', 'admin')) not null default 'student',
      created_at datetime not null,
      updated_at datetime not null
    )`);
    // As on MySQL and MariaDB, email addresses that differ only in case are the same.
    this.addSql('create unique index core_user_email_unique on core_user (email collate nocase)');
    this.addSql(oneLine`create table core_course (
      id integer not null primary key autoincrement,
      title text not null,
      description text null,
      status text check (status in ('draft', 'active', 'archived')) not null default 'draft',
      is_published integer not null default false,
      capacity integer null,
      instructor_id integer null,
      total_enrollments integer not null default 0,
      active_enrollments integer not null default 0,
      created_at datetime not null,
      updated_at datetime not null,
      constraint core_course_instructor_id_foreign foreign key (instructor_id) references core_user (id)
        on update restrict on delete restrict,
      constraint core_course_active_enrollments_check check (active_enrollments >= 0),
      constraint core_course_total_enrollments_check check (total_enrollments >= 0)
    )`);
    for (const column of ['title', 'instructor_id', 'total_enrollments', 'created_at']) {
      this.addSql(`create index core_course_${column}_index on core_course (${column})`);
    }
    this.addSql(oneLine`create table core_enrollments (
      id integer not null primary key autoincrement,
      course_id integer not null,
      student_id integer not null,
      status text check (status in ('active', 'completed', 'dropped', 'suspended')) not null default 'active',
      enrolled_at datetime not null,
      updated_at datetime not null,
      constraint core_enrollments_course_id_foreign foreign key (course_id) references core_course (id)
        on update restrict on delete restrict,
      constraint core_enrollments_student_id_foreign foreign key (student_id) references core_user (id)
        on update restrict on delete restrict
    )`);
    for (const column of ['course_id', 'student_id', 'enrolled_at']) {
      this.addSql(`create index core_enrollments_${column}_index on core_enrollments (${column})`);
    }
    this.addSql('create index core_enrollments_course_id_status_index on core_enrollments (course_id, status)');
    this.addSql(
      'create unique index core_enrollments_course_id_student_id_unique on core_enrollments (course_id, student_id)',
    );
  }
}
