/** Fills a database with some 20,000,000 rows: without its indexes, which are then built over all rows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DatabaseSync } from 'node:sqlite';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { openDatabase, type Database } from '../../dist/database/database.js';
import type { Row, Table } from '../comparison/rows.ts';
import { programFolder, psql, query } from '../comparison/postgresql.ts';

/** What a kind of database does to fill its tables quickly. */
interface Filler {
  readonly courses: () => Promise<number>;
  /** Removes the indexes and foreign keys that are not needed to fill a table, and returns what builds them again. */
  readonly withoutIndexes: (table: string) => Promise<() => Promise<void>>;
  readonly load: (table: Table) => Promise<void>;
  readonly analyze: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** Opens the database of a URL, migrated and filled with the rows; one that has courses already is used again. */
export async function openLarge(url: string, tables: readonly Table[]): Promise<Database> {
  const database = await openDatabase(url);
  await database.schema.ensureDatabase();
  await database.migrator.up();
  const filler = url.startsWith('sqlite:')
    ? fileFiller(url)
    : url.startsWith('postgresql:')
      ? postgreSqlFiller(url)
      : await mySqlFiller(url);
  if ((await filler.courses()) === 0) {
    for (const table of tables) {
      const start = performance.now();
      const seconds = (): string => `${((performance.now() - start) / 1000).toFixed(0)} s`;
      const buildIndexes = await filler.withoutIndexes(table.name);
      await filler.load(table);
      process.stderr.write(`${table.name}: rows after ${seconds()}`);
      await buildIndexes();
      process.stderr.write(`, indexes after ${seconds()}\n`);
    }
    await filler.analyze();
  }
  await filler.close();
  return database;
}

/** Yields the rows of a table as lines with tabs between the values, some thousand at once. */
function* linesOf({ rows }: Table): Generator<string> {
  let text = '';
  for (const row of rows()) {
    text += `${row.map(value => (value instanceof Date ? value.toISOString().slice(0, 23).replace('T', ' ') : value)).join('\t')}\n`;
    if (text.length < 200_000) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function fileFiller(url: string): Filler {
  const file = new DatabaseSync(url.slice('sqlite:'.length));
  file.exec(
    'pragma foreign_keys = off; pragma synchronous = off; pragma cache_size = -500000; pragma temp_store = file',
  );
  return {
    courses: () => Promise.resolve(Number(file.prepare('select count(*) as n from core_course').get()!['n'])),
    withoutIndexes(table) {
      const indexes = file
        .prepare("select name, sql from sqlite_master where type = 'index' and tbl_name = ? and sql is not null")
        .all(table) as { name: string; sql: string }[];
      for (const { name } of indexes) file.exec(`drop index "${name}"`);
      return Promise.resolve(() => {
        for (const { sql } of indexes) file.exec(sql);
        return Promise.resolve();
      });
    },
    load({ name, columns, rows }) {
      const insert = file.prepare(`insert into ${name} (${columns.join()}) values (${columns.map(() => '?').join()})`);
      file.exec('begin');
      for (const row of rows())
        insert.run(...row.map((value: Row[number]) => (value instanceof Date ? value.getTime() : value)));
      file.exec('commit');
      return Promise.resolve();
    },
    analyze: () => Promise.resolve(file.exec('analyze')),
    close: () => Promise.resolve(file.close()),
  };
}

async function mySqlFiller(url: string): Promise<Filler> {
  const connection: Connection = await createConnection({ uri: url.replace(/^mariadb:/, 'mysql:'), timezone: 'Z' });
  await connection.query('set unique_checks = 0, foreign_key_checks = 0');
  const first = async (sql: string): Promise<RowDataPacket> => (await connection.query<RowDataPacket[]>(sql))[0][0]!;
  return {
    courses: async () => Number((await first('select count(*) as n from core_course'))['n']),
    async withoutIndexes(table) {
      const definition = String((await first(`show create table ${table}`))['Create Table']);
      const parts = definition.split('\n').map(line => line.trim().replace(/,$/, ''));
      const indexes = parts.filter(part => /^(UNIQUE )?KEY /.test(part));
      const foreignKeys = parts.filter(part => part.includes(' FOREIGN KEY '));
      const nameOf = (part: string): string => /`[^`]+`/.exec(part)![0];
      const alter = async (changes: readonly string[]): Promise<void> => {
        if (changes.length > 0) await connection.query(`alter table ${table} ${changes.join(', ')}`);
      };
      await alter(foreignKeys.map(part => `drop foreign key ${nameOf(part)}`));
      await alter(indexes.map(part => `drop key ${nameOf(part)}`));
      return async () => {
        await alter(indexes.map(part => `add ${part}`));
        await alter(foreignKeys.map(part => `add ${part}`));
      };
    },
    async load(table) {
      await connection.query({
        sql: `load data local infile 'rows' into table ${table.name} character set utf8mb4 (${table.columns.join()})`,
        infileStreamFactory: () => Readable.from(linesOf(table), { objectMode: false }),
      });
    },
    analyze: async () => void (await connection.query('analyze table core_user, core_course, core_enrollments')),
    close: () => connection.end(),
  };
}

function postgreSqlFiller(url: string): Filler {
  return {
    courses: () => Promise.resolve(Number(query(url, 'select count(*) as n from core_course')[0]!['n'])),
    withoutIndexes(table) {
      const indexes = query(
        url,
        `select indexname, indexdef from pg_indexes where tablename = '${table}' and schemaname = current_schema()
         and indexname not in (select conname from pg_constraint)`,
      );
      for (const { indexname } of indexes) psql(url, `drop index "${indexname}"`);
      return Promise.resolve(() => {
        for (const { indexdef } of indexes) psql(url, `set maintenance_work_mem = '256MB'; ${indexdef}`);
        return Promise.resolve();
      });
    },
    async load({ name, columns, rows }) {
      const child = spawn(
        join(programFolder()!, 'psql'),
        ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', `copy ${name} (${columns.join()}) from stdin`],
        {
          stdio: ['pipe', 'inherit', 'inherit'],
          // Without the checks of foreign keys, which are triggers there.
          env: { ...process.env, PGOPTIONS: '-c session_replication_role=replica -c timezone=UTC' },
        },
      );
      const ended = once(child, 'exit');
      for (const text of linesOf({ name, columns, rows }))
        if (!child.stdin.write(text)) await once(child.stdin, 'drain');
      child.stdin.end();
      const [code] = (await ended) as [number];
      if (code !== 0) throw new Error(`psql could not copy ${name}.`);
      psql(url, `select setval(pg_get_serial_sequence('${name}', 'id'), (select max(id) from ${name}))`);
    },
    analyze: () => Promise.resolve(void psql(url, 'vacuum analyze')),
    close: () => Promise.resolve(),
  };
}
