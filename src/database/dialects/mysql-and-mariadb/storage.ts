import { quotedList, quotedName } from '../../../migrations/sql-names.js';
import type { Database } from '../dialect.js';
import { failed, type Finding } from '../finding.js';

/**
 * Examines how MySQL and MariaDB store tables: the engine, without whose transactions and locks no count is exact, and
 * the character set and collation of texts, by which email addresses are compared and titles are searched.
 */
export async function examineStorage(database: Database, tables: readonly string[]): Promise<Finding[]> {
  if (tables.length === 0) return [];
  const connection = database.em.getConnection();
  const names = quotedList(database.em, tables);
  const engines = await connection.execute<{ name: string; engine: string }[]>(
    `select table_name as name, engine as engine from information_schema.tables where table_schema = database() and table_name in (${names}) and engine <> 'InnoDB'`,
  );
  const columns = await connection.execute<{ name: string; charset: string; collation: string }[]>(
    `select concat(table_name, '.', column_name) as name, character_set_name as charset, collation_name as collation from information_schema.columns
     where table_schema = database() and table_name in (${names}) and character_set_name is not null order by 1`,
  );
  const narrow = columns.filter(({ charset }) => charset !== 'utf8mb4');
  const exact = columns.filter(({ charset, collation }) => charset === 'utf8mb4' && !collation.endsWith('_ci'));
  return [
    ...engines.map(({ name, engine }) =>
      failed(
        `The table ${name} is kept by ${engine}, which has no transactions and no row locks, so counts and rows would differ.`,
        `alter table ${quotedName(database.em, name)} engine = InnoDB; then rollcall recount`,
      ),
    ),
    ...(narrow.length > 0
      ? [
          failed(
            `Texts are not utf8mb4, so some cannot be saved: ${narrow.map(({ name, charset }) => `${name} (${charset})`).join(', ')}.`,
            'alter table … convert to character set utf8mb4',
          ),
        ]
      : []),
    ...(exact.length > 0
      ? [
          failed(
            `Texts are compared case-sensitively, so one email address can belong to two users, and a search misses titles: ${exact.map(({ name, collation }) => `${name} (${collation})`).join(', ')}.`,
            'alter table … convert to character set utf8mb4, with its default collation',
          ),
        ]
      : []),
  ];
}
