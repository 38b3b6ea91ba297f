import { RUN_TABLES } from '../made-tables.js';
import { oneLine } from '../one-line.js';
import { TableMigration } from '../table-migration.js';
import { mySqlCatalog } from './catalog.js';

/**
 * Creates the runs and the changes that they record, on MySQL and MariaDB. Each statement is committed at once there,
 * so those that were done before an interruption are kept.
 */
export class RecountRuns extends TableMigration {
  override readonly tables = RUN_TABLES;
  protected override readonly catalog = mySqlCatalog;

  protected override make(): void {
    this.addSql(oneLine`create table if not exists core_recount_runs (
      id bigint unsigned not null auto_increment primary key,
      kind enum('recount','undo') not null default 'recount',
      status enum('running','paused','succeeded','failed','cancelled') not null default 'running',
      undone_run_id bigint unsigned null,
      dry_run tinyint(1) not null default false,
      started_by varchar(255) not null,
      course_ids text null,
      batch_size int unsigned null,
      throttle int unsigned not null default 0,
      total bigint unsigned not null default 0,
      checked bigint unsigned not null default 0,
      drifted bigint unsigned not null default 0,
      repaired bigint unsigned not null default 0,
      cursor_id bigint unsigned null,
      error text null,
      owner varchar(255) not null,
      lease_expires_at datetime(3) not null,
      is_starting tinyint(1) null,
      slot varchar(100) null,
      started_at datetime(3) not null,
      updated_at datetime(3) not null,
      finished_at datetime(3) null,
      index core_recount_runs_undone_run_id_index (undone_run_id),
      unique core_recount_runs_is_starting_unique (is_starting),
      unique core_recount_runs_slot_unique (slot),
      constraint core_recount_runs_undone_run_id_foreign foreign key (undone_run_id) references core_recount_runs (id)
        on update restrict on delete restrict
    ) default character set utf8mb4 engine = InnoDB`);
    this.addSql(oneLine`create table if not exists core_recount_changes (
      id bigint unsigned not null auto_increment primary key,
      run_id bigint unsigned not null,
      counter varchar(100) not null,
      course_id bigint unsigned not null,
      count_before bigint unsigned not null,
      count_after bigint unsigned not null,
      index core_recount_changes_run_id_index (run_id),
      constraint core_recount_changes_run_id_foreign foreign key (run_id) references core_recount_runs (id)
        on update restrict on delete restrict
    ) default character set utf8mb4 engine = InnoDB`);
  }

  /** Drops the tables by one statement, which MySQL does as a whole or not at all. */
  protected override drop(tables: readonly string[]): void {
    this.addSql(`drop table if exists ${tables.join(', ')}`);
  }
}
