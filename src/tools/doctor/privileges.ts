import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Config } from '../../config/config.js';
import { existingTriggers, triggerStatus } from 'mikro-orm-counters';
import { dialectOf, type Database } from '../../database/database.js';
import { quotedName } from '../../migrations/sql-names.js';
import { failed, ok, type Finding } from './finding.js';
import { mapOf } from '../../database/mapped/mapped-driver.js';
import { storedColumn, storedTable } from '../../database/mapped/stored-names.js';
import { isLeftToOthers } from './left-to-others.js';
import type { TableName } from '../../database/tables.js';

/** The statements that try each kind of access to a table, and touch no row: each has an id. */
const trials: Readonly<Record<string, (table: string, id: string) => string>> = {
  select: (table, id) => `select * from ${table} where ${id} is null`,
  insert: (table, id) => `insert into ${table} select * from ${table} where ${id} is null`,
  update: (table, id) => `update ${table} set ${id} = ${id} where ${id} is null`,
  delete: (table, id) => `delete from ${table} where ${id} is null`,
};

/**
 * Returns the kinds of access that are tried on a table. Where the map leaves its rows to another application, they are
 * only read; an INSERT of such a table's rows, which have generated columns, is tried by the probe.
 */
function trialsOn(database: Database, table: TableName): string[] {
  if (isLeftToOthers(database, table)) return ['select'];
  return Object.keys(trials).filter(kind => kind !== 'insert' || mapOf(database.driver) === null);
}

/**
 * Examines whether the user may read and write the tables, by trying; and with triggers, whether it may change those.
 */
export async function examinePrivileges(
  database: Database,
  counters: Config['counters'],
  tables: readonly TableName[],
): Promise<Finding[]> {
  const findings = await tryAll(database, tables);
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

async function tryAll(database: Database, ours: readonly TableName[]): Promise<Finding[]> {
  const tables = ours.map(table => storedTable(database, table));
  const { privileges } = dialectOf(database);
  const denied: string[] = [];
  for (const [index, table] of tables.entries()) {
    const [from, id] = [table, storedColumn(database, ours[index]!, 'id')].map(name => quotedName(database.em, name));
    for (const name of trialsOn(database, ours[index]!)) {
      try {
        await tryAlone(database, trials[name]!(from!, id!));
      } catch (error) {
        if (!privileges?.isDenied(error)) throw error;
        denied.push(`${name} on ${table}`);
      }
    }
  }
  const lacking = (await privileges?.missing(database, privileges.toAddRows(tables))) ?? [];
  if (denied.length + lacking.length === 0)
    return mapOf(database.driver) === null
      ? [ok(`select, insert, update and delete work on ${tables.join(', ')}.`)]
      : ours.map((table, index) => ok(`${trialsOn(database, table).join(', ')} work on ${tables[index]}.`));
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
