import { RUN_TABLES } from '../made-tables.js';
import { oneLine } from '../one-line.js';
import { TableMigration } from '../table-migration.js';
import { sqliteCatalog } from './catalog.js';

/** Creates the runs and the changes that they record, on SQLite. */
export class RecountRuns extends TableMigration {
  override readonly tables = RUN_TABLES;
  protected override readonly catalog = sqliteCatalog;

  protected override make(): void {
    this.addSql(oneLine`create table core_recount_runs (
      id integer not null primary key autoincrement,
      kind text check (kind in ('recount', 'undo')) not null default 'recount',
      status text check (status in ('running', 'paused', 'succeeded', 'failed', 'cancelled')) not null default 'running',
      undone_run_id integer null,
      dry_run integer not null default false,
      started_by text not null,
      course_ids text null,
      batch_size integer null,
      throttle integer not null default 0,
      total integer not null default 0,
      checked integer not null default 0,
      drifted integer not null default 0,
      repaired integer not null default 0,
      cursor_id integer null,
      error text null,
      owner text not null,
      lease_expires_at datetime not null,
      is_starting integer null,
      slot text null,
      started_at datetime not null,
      updated_at datetime not null,
      finished_at datetime null,
      constraint core_recount_runs_undone_run_id_foreign foreign key (undone_run_id) references core_recount_runs (id)
        on update restrict on delete restrict
    )`);
    this.addSql('create index core_recount_runs_undone_run_id_index on core_recount_runs (undone_run_id)');
    this.addSql('create unique index core_recount_runs_is_starting_unique on core_recount_runs (is_starting)');
    this.addSql('create unique index core_recount_runs_slot_unique on core_recount_runs (slot)');
    this.addSql(oneLine`create table core_recount_changes (
      id integer not null primary key autoincrement,
      run_id integer not null,
      counter text not null,
      course_id integer not null,
      count_before integer not null,
      count_after integer not null,
      constraint core_recount_changes_run_id_foreign foreign key (run_id) references core_recount_runs (id)
        on update restrict on delete restrict
    )`);
    this.addSql('create index core_recount_changes_run_id_index on core_recount_changes (run_id)');
  }
}
