import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { SqliteDriver } from '@mikro-orm/sql';
import type { Database } from '../../src/database/database.js';

/** Deletes the rows of all tables of an ORM's entities. */
export async function empty(database: Database): Promise<void> {
  const driver = database.em.getDriver();
  const deletions = tablesOf(database).map(table => `delete from ${table}`);
  if (driver instanceof PostgreSqlDriver) {
    // It runs several statements that it gets at once, in one transaction.
    const whole = ['set local session_replication_role = replica', ...deletions].join('; ');
    await database.em.fork().transactional(async em => {
      await em.getConnection().execute(whole, [], 'run', em.getTransactionContext());
    });
    return;
  }
  const filled = tablesOf(database).map(table => `select '${table}' as name where exists (select 1 from ${table})`);
  const [before, after] =
    driver instanceof SqliteDriver
      ? ['pragma defer_foreign_keys = on', 'select 1']
      : ['set foreign_key_checks = 0', 'set foreign_key_checks = 1'];
  await database.em.fork().transactional(async em => {
    const [connection, transaction] = [em.getConnection(), em.getTransactionContext()];
    const rows = await connection.execute<{ name: string }[]>(filled.join(' union all '), [], 'all', transaction);
    if (rows.length === 0) return;
    for (const sql of [before, ...rows.map(({ name }) => `delete from ${name}`), after])
      await connection.execute(sql, [], 'run', transaction);
  });
}

/** Returns the names of the tables of an ORM's entities. */
export function tablesOf(database: Database): string[] {
  const entities = [...database.getMetadata().getAll().values()].filter(({ embeddable }) => !embeddable);
  return [...new Set(entities.map(({ tableName }) => tableName))];
}
