import { INITIAL_TABLES } from '../made-tables.js';
import { oneLine } from '../one-line.js';
import { TableMigration } from '../table-migration.js';
import { mySqlCatalog } from './catalog.js';

/**
 * Creates users, courses with their stored counts, and enrollments, on MySQL and MariaDB. Each statement is committed
 * at once there, so those that were done before an interruption are kept.
 */
export class Initial extends TableMigration {
  override readonly tables = INITIAL_TABLES;
  protected override readonly catalog = mySqlCatalog;

  protected override make(): void {
    this.addSql(oneLine`create table if not exists core_user (
      id bigint unsigned not null auto_increment primary key,
      name varchar(255) not null,
      email varchar(254) not null,
      role enum('student','teacher','admin') not null default 'student',
      created_at datetime(3) not null,
      updated_at datetime(3) not null,
      unique core_user_email_unique (email)
    ) default character set utf8mb4 engine = InnoDB`);
    this.addSql(oneLine`create table if not exists core_course (
      id bigint unsigned not null auto_increment primary key,
      title varchar(255) not null,
      description text null,
      status enum('draft','active','archived') not null default 'draft',
      is_published tinyint(1) not null default false,
      capacity int unsigned null,
      instructor_id bigint unsigned null,
      total_enrollments bigint unsigned not null default 0,
      active_enrollments bigint unsigned not null default 0,
      created_at datetime(3) not null,
      updated_at datetime(3) not null,
      index core_course_title_index (title),
      index core_course_instructor_id_index (instructor_id),
      index core_course_total_enrollments_index (total_enrollments),
      index core_course_created_at_index (created_at),
      constraint core_course_active_enrollments_check check (active_enrollments >= 0),
      constraint core_course_total_enrollments_check check (total_enrollments >= 0),
      constraint core_course_instructor_id_foreign foreign key (instructor_id) references core_user (id)
        on update restrict on delete restrict
    ) default character set utf8mb4 engine = InnoDB`);
    this.addSql(oneLine`create table if not exists core_enrollments (
      id bigint unsigned not null auto_increment primary key,
      course_id bigint unsigned not null,
      student_id bigint unsigned not null,
      status enum('active','completed','dropped','suspended') not null default 'active',
      enrolled_at datetime(3) not null,
      updated_at datetime(3) not null,
      index core_enrollments_course_id_index (course_id),
      index core_enrollments_student_id_index (student_id),
      index core_enrollments_enrolled_at_index (enrolled_at),
      index core_enrollments_course_id_status_index (course_id, status),
      unique core_enrollments_course_id_student_id_unique (course_id, student_id),
      constraint core_enrollments_course_id_foreign foreign key (course_id) references core_course (id)
        on update restrict on delete restrict,
      constraint core_enrollments_student_id_foreign foreign key (student_id) references core_user (id)
        on update restrict on delete restrict
    ) default character set utf8mb4 engine = InnoDB`);
  }

  /** Drops the tables by one statement, which MySQL does as a whole or not at all. */
  protected override drop(tables: readonly string[]): void {
    this.addSql(`drop table if exists ${tables.join(', ')}`);
  }
}
