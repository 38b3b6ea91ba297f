import { courseListIndexes, courseOrderIndexes, pageIndexes } from '../added-indexes.js';
import { INITIAL_TABLES } from '../made-tables.js';
import { oneLine } from '../one-line.js';
import { TableMigration } from '../table-migration.js';
import { postgreSqlCatalog } from './catalog.js';
import { createCollation, TEXT_COLLATION } from './collation.js';
import { createIndexes } from './create-indexes.js';

/** Creates users, courses with their stored counts, and enrollments, on PostgreSQL, with the indexes of their lists. */
export class Initial extends TableMigration {
  override readonly tables = INITIAL_TABLES;
  protected override readonly catalog = postgreSqlCatalog;

  protected override make(): void {
    this.addSql(createCollation);
    this.addSql(oneLine`create table core_user (
      id bigserial primary key,
      name varchar(255) not null,
      email varchar(254) collate ${TEXT_COLLATION} not null,
      role text check (role in ('student', 'teacher', 'admin')) not null default 'student',
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      constraint core_user_email_unique unique (email)
    )`);
    this.addSql(oneLine`create table core_course (
      id bigserial primary key,
      title varchar(255) collate ${TEXT_COLLATION} not null,
      description text null,
      status text check (status in ('draft', 'active', 'archived')) not null default 'draft',
      is_published boolean not null default false,
      capacity int null,
      instructor_id bigint null,
      total_enrollments bigint not null default 0,
      active_enrollments bigint not null default 0,
      created_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      constraint core_course_active_enrollments_check check (active_enrollments >= 0),
      constraint core_course_total_enrollments_check check (total_enrollments >= 0),
      constraint core_course_instructor_id_foreign foreign key (instructor_id) references core_user (id)
        on update restrict on delete restrict
    )`);
    this.addSql(oneLine`create table core_enrollments (
      id bigserial primary key,
      course_id bigint not null,
      student_id bigint not null,
      status text check (status in ('active', 'completed', 'dropped', 'suspended')) not null default 'active',
      enrolled_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      constraint core_enrollments_course_id_student_id_unique unique (course_id, student_id),
      constraint core_enrollments_course_id_foreign foreign key (course_id) references core_course (id)
        on update restrict on delete restrict,
      constraint core_enrollments_student_id_foreign foreign key (student_id) references core_user (id)
        on update restrict on delete restrict
    )`);
    for (const sql of [
      ...createIndexes('core_course', [['title'], ['instructor_id'], ['total_enrollments'], ['created_at']]),
      ...createIndexes('core_enrollments', [['course_id'], ['student_id'], ['enrolled_at'], ['course_id', 'status']]),
      ...[pageIndexes, courseOrderIndexes, courseListIndexes].flatMap(({ table, indexes }) =>
        createIndexes(
          table,
          indexes.map(({ columns }) => columns),
        ),
      ),
    ])
      this.addSql(sql);
  }

  protected override drop(tables: readonly string[]): void {
    super.drop(tables);
    this.addSql(`drop collation if exists ${TEXT_COLLATION}`);
  }
}
