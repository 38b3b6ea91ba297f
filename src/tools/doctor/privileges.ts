import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Config } from '../../config/config.js';
import { existingTriggers, triggerStatus } from 'mikro-orm-counters';
import { dialectOf, type Database } from '../../database/database.js';
import { failed, ok, type Finding } from './finding.js';
import { tableNames } from '../../database/tables.js';

/** The statements that try each kind of access to a table, and touch no row: ids begin at 1. */
const trials: Readonly<Record<string, (table: string) => string>> = {
  select: table => `select * from ${table} where id = 0`,
  insert: table => `insert into ${table} select * from ${table} where id = 0`,
  update: table => `update ${table} set id = id where id = 0`,
  delete: table => `delete from ${table} where id = 0`,
};

/**
 * Examines whether the user may read and write the tables, by trying; and with triggers, whether it may change those.
 */
export async function examinePrivileges(
  database: Database,
  counters: Config['counters'],
  tables: readonly string[],
): Promise<Finding[]> {
  const own = tableNames.filter(table => tables.includes(table));
  const findings = await tryAll(database, own);
  const { privileges } = dialectOf(database);
  if (counters !== 'triggers' || privileges === null) return findings;
  const exist = existingTriggers(await triggerStatus(database.em)).length > 0;
  return [...findings, ...(await privileges.examineTriggers(database, exist))];
}

/** Runs a statement in a transaction of its own, which is rolled back: some databases end one at the first error. */
async function tryAlone(database: Database, sql: string): Promise<void> {
  const em = database.em.fork() as SqlEntityManager;
  await em.begin();
  try {
    await em.execute(sql);
  } finally {
    await em.rollback();
  }
}

async function tryAll(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const { privileges } = dialectOf(database);
  const denied: string[] = [];
  for (const table of tables) {
    for (const [name, sql] of Object.entries(trials)) {
      try {
        await tryAlone(database, sql(table));
      } catch (error) {
        if (!privileges?.isDenied(error)) throw error;
        denied.push(`${name} on ${table}`);
      }
    }
  }
  const lacking = (await privileges?.missing(database, privileges.toAddRows(tables))) ?? [];
  if (denied.length + lacking.length === 0)
    return [ok(`select, insert, update and delete work on ${tables.join(', ')}.`)];
  const sentences = [
    ...(denied.length > 0 ? [`The database's user may not ${denied.join(', ')}.`] : []),
    ...(lacking.length > 0 ? [`It lacks ${lacking.join(' and ')}, which adding rows needs.`] : []),
  ];
  return [
    failed(
      sentences.join(' ').replace(/^It /, "The database's user "),
      `Grant it: ${privileges!.grantSql(database, [...(denied.length > 0 ? Object.keys(trials) : []), ...lacking])}`,
    ),
  ];
}
