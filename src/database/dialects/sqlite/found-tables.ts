import type { SqlEntityManager } from '@mikro-orm/sql';
import {
  COPY_INSTEAD,
  familyOf,
  referenceRule,
  type FoundColumn,
  type FoundTable,
  type FoundTables,
  type Unfit,
} from '../../schema/found-table.js';

/** A table, a view, or a virtual table. */
interface TableRow {
  readonly name: string;
  readonly type: 'table' | 'view' | 'virtual';
  readonly without_rowid: number;
  readonly is_strict: number;
  readonly sql: string;
}

/** A column, as SQLite lists it. */
interface ColumnRow {
  readonly t: string;
  readonly name: string;
  readonly type: string;
  readonly notnull: number;
  readonly given: string | null;
  /** The place in the primary key, from 1; 0: it is not in there. */
  readonly pk: number;
  /** More than 1 for a generated column. */
  readonly hidden: number;
}

/** A column of an index; `origin` is `pk` for one that the database made for a primary key. */
interface IndexRow {
  readonly t: string;
  readonly index_name: string;
  readonly is_unique: number;
  readonly origin: string;
  readonly partial: number;
  readonly name: string | null;
}

interface ReferenceRow {
  readonly t: string;
  readonly id: number;
  readonly target: string;
  readonly name: string;
  readonly on_delete: string;
}

/** What cannot be opened in place. */
const unfits: Readonly<Record<TableRow['type'], Unfit | null>> = {
  table: null,
  view: {
    what: 'is a view, to which nothing can be added',
    advice: 'Name the table behind it in the map.',
    canBeCopied: true,
  },
  virtual: {
    what: 'is a virtual table, to which nothing can be added',
    advice: COPY_INSTEAD,
    canBeCopied: true,
  },
};

/** Types that are no standard ones, of columns which mostly have texts. */
const textTypes = new Set(['', 'string']);

const TABLES =
  "select m.name from pragma_table_list m where m.schema = 'main' and m.type in ('table', 'view', 'virtual') and m.name not like 'sqlite\\_%' escape '\\'";

/**
 * Reads all tables and views of a file by what SQLite says of them. The ORM reads the texts of their statements, and only those in
 * its own form.
 */
export async function findSqliteTables(em: SqlEntityManager): Promise<FoundTables> {
  const read = async <Row extends { readonly t: string }>(sql: string): Promise<Map<string, Row[]>> =>
    Map.groupBy(await em.execute<Row[]>(sql), ({ t }) => t);
  const tables = await em.execute<TableRow[]>(
    `select t.name, t.type, t.wr as without_rowid, t.strict as is_strict, s.sql from (${TABLES}) m join pragma_table_list t on t.schema = 'main' and t.name = m.name join sqlite_master s on s.name = t.name and s.type in ('table', 'view')`,
  );
  const columns = await read<ColumnRow>(
    `select m.name as t, c.name, c.type, c."notnull", c.dflt_value as given, c.pk, c.hidden from (${TABLES}) m, pragma_table_xinfo(m.name) c where c.hidden <> 1 order by m.name, c.cid`,
  );
  const indexes = await read<IndexRow>(
    `select m.name as t, i.name as index_name, i."unique" as is_unique, i.origin, i.partial, c.name from (${TABLES}) m, pragma_index_list(m.name) i, pragma_index_info(i.name) c order by m.name, i.seq, c.seqno`,
  );
  const references = await read<ReferenceRow>(
    `select m.name as t, f.id, f."table" as target, f."from" as name, f.on_delete from (${TABLES}) m, pragma_foreign_key_list(m.name) f order by m.name, f.id, f.seq`,
  );
  const triggers = await read<{ t: string; name: string }>(
    "select tbl_name as t, name from sqlite_master where type = 'trigger' order by name",
  );
  const names = new Map(tables.map(({ name }) => [name.toLowerCase(), name]));
  return new Map(
    tables.map(({ name, type: form, without_rowid: hasNoNumbers, is_strict: isStrict, sql }): [string, FoundTable] => {
      const found = columns.get(name) ?? [];
      const key = found.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
      const isNumbered = hasNoNumbers === 0 && key.length === 1 && key[0]!.type.toLowerCase() === 'integer';
      const byIndex = [...Map.groupBy(indexes.get(name) ?? [], row => row.index_name)].map(([index, rows]) => ({
        name: index,
        // An expression has no name, and an index of some rows serves no key.
        columns: rows[0]!.partial ? [] : rows.map(row => row.name ?? ''),
        isUnique: rows[0]!.is_unique === 1,
        isPrimary: rows[0]!.origin === 'pk',
      }));
      // The database makes no index for a key that is the number of the row.
      const ofNumber = isNumbered
        ? [{ name: 'primary', columns: [key[0]!.name], isUnique: true, isPrimary: true }]
        : [];
      const all = [...ofNumber, ...byIndex];
      return [
        name,
        {
          name,
          unfit: unfits[form],
          isStrict: isStrict === 1,
          columns: new Map(
            found.map((column): [string, FoundColumn] => [
              column.name,
              {
                name: column.name,
                type: column.type.toLowerCase(),
                family: textTypes.has(column.type.toLowerCase()) ? 'text' : familyOf(column.type.toLowerCase()),
                nullable: column.notnull === 0 && !(isNumbered && column.pk > 0),
                isNumbered: isNumbered && column.pk > 0 && /autoincrement/i.test(sql),
                hasDefault: column.given !== null || (isNumbered && column.pk > 0) || column.hidden > 1,
                collation: null,
                labels: null,
                allowed: allowedBy(sql, column.name),
              },
            ]),
          ),
          keys: all.filter(({ isUnique }) => isUnique),
          indexes: all,
          references: [...Map.groupBy(references.get(name) ?? [], ({ id }) => id).values()].map(rows => ({
            name: '',
            columns: rows.map(row => row.name),
            table: names.get(rows[0]!.target.toLowerCase()) ?? rows[0]!.target,
            onDelete: referenceRule(rows[0]!.on_delete),
          })),
          triggers: (triggers.get(name) ?? []).map(trigger => trigger.name),
        },
      ];
    }),
  );
}

/** Returns the values that a check of one column lists in the statement of its table; empty if there is none. */
function allowedBy(statement: string, column: string): string[] {
  const listed = /check\s*\(\s*\(?\s*["`[]?([^"`\]()]+?)["`\]]?\s+in\s*\(((?:\s*'(?:[^']|'')*'\s*,?)+)\)/gi;
  const [, , list = ''] = [...statement.matchAll(listed)].find(([, name]) => name === column) ?? [];
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, value]) => value!.replaceAll("''", "'"));
}
