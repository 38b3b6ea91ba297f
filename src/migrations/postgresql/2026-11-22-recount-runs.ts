import { RUN_TABLES } from '../made-tables.js';
import { oneLine } from '../one-line.js';
import { TableMigration } from '../table-migration.js';
import { postgreSqlCatalog } from './catalog.js';
import { createIndexes } from './create-indexes.js';

/** Creates the runs and the changes that they record, on PostgreSQL. */
export class RecountRuns extends TableMigration {
  override readonly tables = RUN_TABLES;
  protected override readonly catalog = postgreSqlCatalog;

  protected override make(): void {
    this.addSql(oneLine`create table core_recount_runs (
      id bigserial primary key,
      kind text check (kind in ('recount', 'undo')) not null default 'recount',
      status text check (status in ('running', 'paused', 'succeeded', 'failed', 'cancelled')) not null default 'running',
      undone_run_id bigint null,
      dry_run boolean not null default false,
      started_by varchar(255) not null,
      course_ids text null,
      batch_size int null,
      throttle int not null default 0,
      total bigint not null default 0,
      checked bigint not null default 0,
      drifted bigint not null default 0,
      repaired bigint not null default 0,
      cursor_id bigint null,
      error text null,
      owner varchar(255) not null,
      lease_expires_at timestamptz(3) not null,
      is_starting boolean null,
      slot varchar(100) null,
      started_at timestamptz(3) not null,
      updated_at timestamptz(3) not null,
      finished_at timestamptz(3) null,
      constraint core_recount_runs_is_starting_unique unique (is_starting),
      constraint core_recount_runs_slot_unique unique (slot),
      constraint core_recount_runs_undone_run_id_foreign foreign key (undone_run_id) references core_recount_runs (id)
        on update restrict on delete restrict
    )`);
    this.addSql(oneLine`create table core_recount_changes (
      id bigserial primary key,
      run_id bigint not null,
      counter varchar(100) not null,
      course_id bigint not null,
      count_before bigint not null,
      count_after bigint not null,
      constraint core_recount_changes_run_id_foreign foreign key (run_id) references core_recount_runs (id)
        on update restrict on delete restrict
    )`);
    for (const sql of [
      ...createIndexes('core_recount_runs', [['undone_run_id']]),
      ...createIndexes('core_recount_changes', [['run_id']]),
    ])
      this.addSql(sql);
  }
}
