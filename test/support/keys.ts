import { dialectOf, type Database } from '../../src/database/database.js';
import type { Key } from '../../src/entities/index.js';

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

/** Returns a key as the number that it is in a database of our own. */
export function numberKey<Given extends Key | null | undefined>(key: Given): Exclude<Given, string> {
  if (typeof key === 'string') throw new Error(`The key ${key} is not a number.`);
  return key as Exclude<Given, string>;
}
