import { databaseKindOf, type Database } from '../database.js';

/**
 * Returns which share of its work an ALTER TABLE has done that runs in this database, copying a table or building its
 * indexes, from 0 to 1; null: the database does not say.
 */
export async function alteredShare(database: Database): Promise<number | null> {
  const kind = databaseKindOf(database);
  if (kind === 'sqlite') return null;
  const [row] = await database.em.getConnection().execute<{ share: number | string | null }[]>(progressSql[kind]);
  return row?.share == null ? null : Math.min(1, Number(row.share));
}

const progressSql = {
  mysql: `select s.work_completed / nullif(s.work_estimated, 0) as share from performance_schema.events_stages_current s join performance_schema.threads t using (thread_id)
    where (s.event_name = 'stage/sql/copy to tmp table' or s.event_name like 'stage/innodb/alter table%') and t.processlist_db = database()`,
  // The stages of a copy, and of building indexes: the rows, then their indexes.
  mariadb: `select (stage - 1 + progress / 100) / max_stage as share from information_schema.processlist where db = database() and info like 'alter table %' and max_stage > 0`,
};
