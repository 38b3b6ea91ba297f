import { quotedList, nameAsText, quotedName } from '../../../migrations/sql-names.js';
import { dateOf } from '../../tables.js';
import type { Database, Inspection, NumberType } from '../dialect.js';
import { failed, type Finding } from '../finding.js';
import { examineServerSettings } from './server-settings.js';
import { examineStorage } from './storage.js';

/** The part of the doctor's queries in which MySQL and MariaDB differ. */
export interface InspectionDifferences {
  /**
   * The words before a statement with which the server returns, in rows with a `key` and a `type`, how it would run it.
   */
  readonly explain: string;
}

const BITS: Readonly<Record<string, bigint>> = { tinyint: 8n, smallint: 16n, mediumint: 24n, int: 32n, bigint: 64n };

/** Returns the doctor's queries for MySQL or MariaDB. */
export function serverInspection({ explain }: InspectionDifferences): Inspection {
  return {
    version: async database => (await select<{ version: string }>(database, 'select version() as version'))[0]!.version,
    kindOf: version => (/mariadb/i.test(version) ? 'mariadb' : 'mysql'),
    examineSettings: examineServerSettings,
    // The disk of a server is not that of this machine.
    examineDisk: () => Promise.resolve([]),
    async clock(database) {
      const [row] = await select<{ now: string }>(
        database,
        "select date_format(utc_timestamp(3), '%Y-%m-%d %H:%i:%s.%f') as now",
      );
      return dateOf(row!.now.slice(0, 23)).getTime();
    },
    examineStorage,
    examineRollback,
    async numberTypes(database) {
      const columns = await select<{ t: string; c: string; type: string }>(
        database,
        'select table_name as t, column_name as c, column_type as type from information_schema.columns where table_schema = database()',
      );
      return new Map(
        columns.flatMap(({ t, c, type }) => {
          const numberType = numberTypeOf(type);
          return numberType ? [[`${t}.${c}`, numberType]] : [];
        }),
      );
    },
    async highestKey(database, table, key) {
      const [row] = await select<{ highest: string | null }>(
        database,
        `select cast(max(${quotedName(database.em, key)}) as char) as highest from ${quotedName(database.em, table)}`,
      );
      const [highest, given] = [BigInt(row?.highest ?? 0), await lastGivenKey(database, table)];
      return given > highest ? given : highest;
    },
    async plan(database, sql, parameters) {
      const [row] = await select<Record<string, string | number | null>>(database, `${explain} ${sql}`, parameters);
      const readsAll = ['ALL', 'index'].includes(String(row!['type']));
      return {
        index: readsAll ? null : (row!['key'] as string | null),
        possible: String(row!['possible_keys']).split(','),
        text: `${row!['type']} over about ${row!['rows']} rows, key ${row!['key'] ?? 'none'}`,
      };
    },
    async indexesStartingWith(database, table, column) {
      const rows = await select<{ name: string }>(
        database,
        `select index_name as name from information_schema.statistics where table_schema = database() and table_name = ${nameAsText(database.em, table)} and seq_in_index = 1 and column_name = ${nameAsText(database.em, column)}`,
      );
      return rows.map(({ name }) => name);
    },
    analyzeSql: (database, table) => `analyze table ${quotedName(database.em, table)}`,
  };
}

/** Returns the range of a type of whole numbers; null for any other type. */
function numberTypeOf(type: string): NumberType | null {
  const [, name = '', unsigned] = /^(\w+)(?:\(\d+\))?( unsigned)?/.exec(type) ?? [];
  const bits = BITS[name];
  return bits === undefined ? null : { name: type, highest: 2n ** (unsigned === undefined ? bits - 1n : bits) - 1n };
}

/** Reads the counter from the table's definition, because information_schema may be a day old. */
async function lastGivenKey(database: Database, table: string): Promise<bigint> {
  const [row] = await select<Record<string, string>>(database, `show create table ${quotedName(database.em, table)}`);
  return BigInt(/ AUTO_INCREMENT=(\d+)/.exec(row?.['Create Table'] ?? '')?.[1] ?? 1) - 1n;
}

/** Examines whether the engines of tables support transactions. */
async function examineRollback(database: Database, tables: readonly string[]): Promise<Finding[]> {
  const unsafe = await select<{ name: string; engine: string }>(
    database,
    `select t.table_name as name, t.engine as engine from information_schema.tables t join information_schema.engines e on e.engine = t.engine
    where t.table_schema = database() and t.table_name in (${quotedList(database.em, tables)}) and e.transactions <> 'YES' order by t.table_name`,
  );
  if (unsafe.length === 0) return [];
  return [
    failed(
      `Not tried, because a rollback would not undo it: ${unsafe.map(({ name, engine }) => `${name} is ${engine}`).join(', ')}.`,
      'Make them InnoDB: alter table … engine = InnoDB. Counts cannot be exact on an engine without transactions.',
    ),
  ];
}

function select<Row extends object>(
  database: Database,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  return database.em.getConnection().execute<Row[]>(sql, [...parameters]);
}
