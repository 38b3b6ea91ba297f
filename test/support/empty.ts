import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { SqliteDriver } from '@mikro-orm/sql';
import type { Database } from '../../src/database/database.js';

/** Deletes the rows of all tables of an ORM's entities. */
export async function empty(database: Database): Promise<void> {
  const driver = database.em.getDriver();
  const tables = new Set(
    [...database.getMetadata().getAll().values()]
      .filter(({ embeddable }) => !embeddable)
      .map(({ tableName }) => tableName),
  );
  const filled = [...tables].map(table => `select '${table}' as name where exists (select 1 from ${table})`);
  const [before, after] =
    driver instanceof SqliteDriver
      ? ['pragma defer_foreign_keys = on', 'select 1']
      : driver instanceof PostgreSqlDriver
        ? ['set local session_replication_role = replica', 'select 1']
        : ['set foreign_key_checks = 0', 'set foreign_key_checks = 1'];
  await database.em.fork().transactional(async em => {
    const [connection, transaction] = [em.getConnection(), em.getTransactionContext()];
    const rows = await connection.execute<{ name: string }[]>(filled.join(' union all '), [], 'all', transaction);
    if (rows.length === 0) return;
    for (const sql of [before, ...rows.map(({ name }) => `delete from ${name}`), after])
      await connection.execute(sql, [], 'run', transaction);
  });
}
