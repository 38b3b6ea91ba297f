import { dialectOf, type Database } from '../../src/database/database.js';

/** Makes the next key of a table follow a number. */
export async function startKeysAfter(database: Database, table: string, last: number): Promise<void> {
  const byKind = {
    sqlite: [
      `delete from sqlite_sequence where name = '${table}'`,
      `insert into sqlite_sequence (name, seq) values ('${table}', ${last})`,
    ],
    mysql: [`alter table ${table} auto_increment = ${last + 1}`],
    mariadb: [`alter table ${table} auto_increment = ${last + 1}`],
    postgresql: [`select setval(pg_get_serial_sequence('${table}', 'id'), ${last})`],
  };
  for (const sql of byKind[dialectOf(database).kind]) await database.em.getConnection().execute(sql, [], 'run');
}
