import { nameAsText, quotedName } from '../../../migrations/sql-names.js';
import type { Database, Inspection } from '../dialect.js';
import { examineFile } from './examine-file.js';
import { failed, ok, type Finding } from '../finding.js';

/** The required settings of a connection to SQLite, by pragma: the value, and what depends on it. */
const pragmas: readonly (readonly [name: string, value: string | number, stake: string])[] = [
  ['journal_mode', 'wal', 'readers and the writer would wait for each other'],
  ['synchronous', 2, 'a power cut could lose acknowledged changes'],
  ['foreign_keys', 1, 'rows could refer to missing rows'],
  ['recursive_triggers', 1, 'REPLACE would bypass the triggers that count'],
];

/** The doctor's queries for SQLite. */
export const sqliteInspection: Inspection = {
  version: async database =>
    (await select<{ version: string }>(database, 'select sqlite_version() as version'))[0]!.version,
  kindOf: () => 'sqlite',
  examineSettings,
  async examineDisk({ config }) {
    const path = config.get('dbName')!;
    return path === ':memory:' ? [] : examineFile(path);
  },
  clock: () => Promise.resolve(null),
  examineStorage: () => Promise.resolve([]),
  examineRollback: () => Promise.resolve([]),
  // SQLite's integers have 64 bits, whatever their type is called.
  numberTypes: () => Promise.resolve(new Map()),
  async highestKey(database, table, key) {
    const [[row], [sequence]] = [
      await select<{ highest: string | null }>(
        database,
        `select cast(max(${quotedName(database.em, key)}) as text) as highest from ${quotedName(database.em, table)}`,
      ),
      await select<{ seq: string }>(
        database,
        `select cast(seq as text) as seq from sqlite_sequence where name = ${nameAsText(database.em, table)}`,
      ),
    ];
    const [highest, given] = [BigInt(row?.highest ?? 0), BigInt(sequence?.seq ?? 0)];
    return given > highest ? given : highest;
  },
  async plan(database, sql, parameters) {
    const [row] = await select<{ detail: string }>(database, `explain query plan ${sql}`, parameters);
    const text = String(row!.detail);
    return { index: /^SEARCH .* USING (?:COVERING )?INDEX (\S+)/.exec(text)?.[1] ?? null, possible: [], text };
  },
  async indexesStartingWith(database, table, column) {
    const rows = await select<{ name: string }>(
      database,
      `select list.name as name from pragma_index_list(${nameAsText(database.em, table)}) list, pragma_index_info(list.name) info where info.seqno = 0 and info.name = ${nameAsText(database.em, column)}`,
    );
    return rows.map(({ name }) => name);
  },
  analyzeSql: () => 'analyze',
};

/** Examines the settings of the connection. */
async function examineSettings(database: Database): Promise<Finding[]> {
  const wrong: Finding[] = [];
  for (const [name, value, stake] of pragmas) {
    const [row] = await select<Record<string, string | number>>(database, `pragma ${name}`);
    const actual = row?.[name];
    if (actual !== value)
      wrong.push(
        failed(
          `${name} is ${actual}, not ${value}: ${stake}.`,
          'Put the file on a local disk: network file systems cannot do what SQLite needs.',
        ),
      );
  }
  return wrong.length > 0 ? wrong : [ok(`${pragmas.map(([name, value]) => `${name} = ${value}`).join(', ')}.`)];
}

function select<Row extends object>(
  database: Database,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  return database.em.getConnection().execute<Row[]>(sql, [...parameters]);
}
