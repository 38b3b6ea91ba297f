import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Config } from '../../config/config.js';
import { thereIn, triggerStatus } from '../../counters/index.js';
import { databaseKindOf, type Database } from '../../database/database.js';
import { failed, ok, type Finding } from './finding.js';
import { grantsOf } from '../../database/dialects/mysql-and-mariadb/granted.js';
import type { Grants } from '../../database/dialects/mysql-and-mariadb/grants.js';
import { missingOf, triggerNeeds } from '../../database/schema/migration-privileges.js';
import { tableNames } from '../../database/tables.js';
import { settingsOf, type Settings } from './server-settings.js';

/** Maps each kind of access to a statement that needs it, on any table, and touches no row: ids begin at 1. */
const trials: Readonly<Record<string, (table: string) => string>> = {
  select: table => `select * from ${table} where id = 0`,
  insert: table => `insert into ${table} select * from ${table} where id = 0`,
  update: table => `update ${table} set id = id where id = 0`,
  delete: table => `delete from ${table} where id = 0`,
};

/** Lists what MySQL and MariaDB answer to who may not: a table, a column, a database. */
const DENIED = [1142, 1143, 1044];

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
  if (counters !== 'triggers' || databaseKindOf(database) === 'sqlite') return findings;
  return [...findings, ...(await examineTriggerPrivileges(database))];
}

async function tryAll(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const denied: string[] = [];
  const em = database.em.fork() as SqlEntityManager;
  await em.begin();
  try {
    for (const table of tables) {
      for (const [name, sql] of Object.entries(trials)) {
        try {
          await em.execute(sql(table));
        } catch (error) {
          if (!DENIED.includes((error as { errno?: number }).errno ?? 0)) throw error;
          denied.push(`${name} on ${table}`);
        }
      }
    }
  } finally {
    await em.rollback();
  }
  if (denied.length > 0)
    return [
      failed(
        `The database's user may not ${denied.join(', ')}.`,
        `Grant it: grant select, insert, update, delete on ${database.config.get('dbName')}.* to …`,
      ),
    ];
  return [ok(`select, insert, update and delete work on ${tables.join(', ')}.`)];
}

async function examineTriggerPrivileges(database: Database): Promise<Finding[]> {
  const name = database.config.get('dbName')!;
  const grants = await grantsOf(database);
  const missing = missingOf(grants, database, triggerNeeds);
  const findings =
    missing.length > 0
      ? [
          failed(
            `The database's user lacks ${missing.join(' and ')}, which triggers need.`,
            `grant ${missing.join(', ')} on ${name}.* to …`,
          ),
        ]
      : [ok('TRIGGER and LOCK TABLES are granted.')];
  const installed = thereIn(await triggerStatus(database.em as SqlEntityManager)).length > 0;
  return [...findings, ...binaryLogFindings(await settingsOf(database), grants, installed)];
}

/**
 * Gives the finding for who may make triggers beside a binary log: none where the user may; no failure where they are
 * made already.
 */
export function binaryLogFindings(
  { log_bin: binaryLog, log_bin_trust_function_creators: trusted }: Settings,
  grants: Grants,
  installed: boolean,
): Finding[] {
  if (binaryLog !== 'ON' || trusted === 'ON' || grants.onServer('SUPER')) return [];
  const message = 'With the binary log on, the server lets this user make no triggers.';
  return [
    {
      status: installed ? 'warning' : 'failed',
      message,
      advice: 'set persist log_bin_trust_function_creators = 1 (on MariaDB: in its configuration), or grant SUPER',
    },
  ];
}
