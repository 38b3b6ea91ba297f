import type { SqlEntityManager } from '@mikro-orm/sql';
import { nameAsText, quotedName } from '../../../migrations/sql-names.js';
import {
  COPY_INSTEAD,
  familyOf,
  referenceRule,
  type FoundColumn,
  type FoundTable,
  type FoundTables,
  type Unfit,
} from '../../schema/found-table.js';

/** A table or view, as the server lists it. */
interface TableRow {
  readonly t: string;
  readonly type: string;
  /** Null if a table cannot be opened, and for a view. */
  readonly engine: string | null;
  /** Whether changes of such a table belong to transactions. */
  readonly transactions: string | null;
  readonly options: string | null;
}

interface ColumnRow {
  readonly t: string;
  readonly name: string;
  /** With its length, and with its values if it is an ENUM. */
  readonly type: string;
  readonly nullable: string;
  readonly given: string | null;
  readonly extra: string;
  readonly collation: string | null;
}

/** A column of an index; an expression has no name, and a beginning of a text has a length. */
interface IndexRow {
  readonly t: string;
  readonly index_name: string;
  readonly other_rows: number;
  readonly name: string | null;
  readonly part: number | string | null;
}

interface ReferenceRow {
  readonly t: string;
  readonly key_name: string;
  readonly name: string;
  /** The database of the target with a dot, if it is another one. */
  readonly place: string;
  readonly target: string;
  readonly rule: string;
}

/**
 * Reads all tables and views of a database by what the server says of them. The ORM names them in its queries in a form
 * that not every name can have.
 */
export async function findServerTables(em: SqlEntityManager): Promise<FoundTables> {
  const read = async <Row extends { readonly t: string }>(sql: string): Promise<Map<string, Row[]>> =>
    Map.groupBy(await em.execute<Row[]>(sql), ({ t }) => t);
  const tables = await em.execute<TableRow[]>(
    `select t.table_name as t, t.table_type as type, t.engine as engine, e.transactions as transactions, t.create_options as options
     from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
     where t.table_schema = database() and t.table_type <> 'SEQUENCE' order by 1`,
  );
  const columns = await read<ColumnRow>(
    `select table_name as t, column_name as name, column_type as type, is_nullable as nullable, column_default as given, extra as extra, collation_name as collation
     from information_schema.columns where table_schema = database() order by table_name, ordinal_position`,
  );
  const indexes = await read<IndexRow>(
    `select table_name as t, index_name as index_name, non_unique as other_rows, column_name as name, sub_part as part
     from information_schema.statistics where table_schema = database() order by table_name, index_name, seq_in_index`,
  );
  const references = await read<ReferenceRow>(
    `select k.table_name as t, k.constraint_name as key_name, k.column_name as name, r.delete_rule as \`rule\`,
       if(k.referenced_table_schema = database(), '', concat(k.referenced_table_schema, '.')) as place, k.referenced_table_name as target
     from information_schema.key_column_usage k join information_schema.referential_constraints r
       on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name and r.table_name = k.table_name
     where k.table_schema = database() and k.referenced_table_name is not null order by k.table_name, k.constraint_name, k.ordinal_position`,
  );
  const triggers = await read<{ t: string; name: string }>(
    'select event_object_table as t, trigger_name as name from information_schema.triggers where event_object_schema = database() order by 1, 2',
  );
  return new Map(
    tables.map((table): [string, FoundTable] => {
      const name = table.t;
      const all = [...Map.groupBy(indexes.get(name) ?? [], row => row.index_name)].map(([index, rows]) => ({
        name: index,
        columns: rows.map(row => (row.part === null ? (row.name ?? '') : '')),
        isUnique: Number(rows[0]!.other_rows) === 0,
        isPrimary: index === 'PRIMARY',
      }));
      return [
        name,
        {
          name,
          unfit: unfitOf(em, table),
          isStrict: false,
          columns: new Map((columns.get(name) ?? []).map(row => [row.name, columnOf(row)])),
          keys: all.filter(({ isUnique }) => isUnique),
          indexes: all,
          references: [...Map.groupBy(references.get(name) ?? [], row => row.key_name)].map(([key, rows]) => ({
            name: key,
            columns: rows.map(row => row.name),
            table: `${rows[0]!.place}${rows[0]!.target}`,
            onDelete: referenceRule(rows[0]!.rule),
          })),
          triggers: (triggers.get(name) ?? []).map(trigger => trigger.name),
        },
      ];
    }),
  );
}

function columnOf({ name, type: given, nullable, given: byDefault, extra, collation }: ColumnRow): FoundColumn {
  const type = given.toLowerCase();
  const isNumbered = /auto_increment/i.test(extra);
  return {
    name,
    type,
    family: familyOf(type),
    nullable: nullable === 'YES',
    isNumbered,
    hasDefault: byDefault !== null || isNumbered || /generated/i.test(extra),
    collation,
    labels: null,
    allowed: /^enum\(/i.test(given) ? valuesIn(given) : [],
  };
}

/** Returns the values of an ENUM, which the server lists with doubled quotes and without escapes. */
function valuesIn(type: string): string[] {
  return [...type.matchAll(/'((?:[^']|'')*)'/g)].map(([, value]) => value!.replaceAll("''", "'"));
}

function unfitOf(em: SqlEntityManager, { t, type, engine, transactions, options }: TableRow): Unfit | null {
  const change = `alter table ${quotedName(em, t)}`;
  if (type === 'VIEW' || type === 'SYSTEM VIEW')
    return { what: 'is a view, to which nothing can be added', advice: 'Name the table behind it in the map.', canBeCopied: true }; // prettier-ignore
  if (type === 'SYSTEM VERSIONED')
    return {
      what: 'is a system-versioned table, to which the server adds nothing while it keeps the former states of its rows',
      advice: `${change} drop system versioning, which forgets them. ${COPY_INSTEAD}`,
      canBeCopied: true,
    };
  if (/\bpartitioned\b/i.test(options ?? ''))
    return {
      what: 'is partitioned, and the server keeps no foreign keys of such a table and no unique keys without the columns of its partitions',
      advice: `${change} remove partitioning. ${COPY_INSTEAD}`,
      canBeCopied: true,
    };
  if (transactions !== 'YES')
    return {
      what: `is kept by ${engine ?? 'an engine that the server lacks'}, without transactions, so that no count can be exact`,
      advice: `${change} engine = InnoDB. ${COPY_INSTEAD}`,
      canBeCopied: engine !== null,
    };
  return null;
}

/** Returns the other databases of the server that have a table of this name, or any table. */
export async function otherDatabases(em: SqlEntityManager, table: string | null): Promise<readonly string[]> {
  const named = table === null ? '' : ` and table_name = ${nameAsText(em, table)}`;
  const rows = await em.execute<{ name: string }[]>(
    `select distinct table_schema as name from information_schema.tables where table_schema <> database() and table_schema not in ('mysql', 'sys', 'information_schema', 'performance_schema')${named} order by 1`,
  );
  return rows.map(({ name }) => name);
}
