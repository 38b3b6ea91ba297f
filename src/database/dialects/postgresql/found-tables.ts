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

/** A table, or what stands in its place. */
interface TableRow {
  readonly t: string;
  /** `r` for a table, `p` for one with partitions, `v` for a view, `m` for a materialized one, `f` for a foreign table. */
  readonly kind: string;
  readonly hides_rows: boolean;
  readonly is_unlogged: boolean;
  readonly is_partition: boolean;
  readonly has_heirs: boolean;
}

interface ColumnRow {
  readonly t: string;
  readonly name: string;
  /** The type that a domain is based on, if the column has one. */
  readonly type: string;
  readonly required: boolean;
  readonly given: string | null;
  readonly identity: string;
  readonly computed: string;
  readonly collation: string | null;
  readonly labels: readonly string[] | null;
}

/** A column of an index; an expression has no name. */
interface IndexRow {
  readonly t: string;
  readonly index_name: string;
  readonly is_unique: boolean;
  readonly is_primary: boolean;
  readonly is_partial: boolean;
  readonly name: string | null;
}

interface ReferenceRow {
  readonly t: string;
  readonly key_name: string;
  readonly name: string;
  readonly target: string;
  readonly rule: string;
}

const SCHEMA = 'to_regnamespace(quote_ident(current_schema()))';
const TABLES = `c.relnamespace = ${SCHEMA} and c.relkind in ('r', 'p', 'v', 'm', 'f')`;

/** The rules of foreign keys for deletions, by their letters in the catalog. */
const rules: Readonly<Record<string, string>> = { c: 'cascade', n: 'set null', d: 'set default' };

/**
 * Reads all tables and views of the schema of the connection by what the catalog says of them. The ORM looks in one
 * schema of a fixed name, and names tables in its queries in a form that not every name can have.
 */
export async function findPostgreSqlTables(em: SqlEntityManager): Promise<FoundTables> {
  const read = async <Row extends { readonly t: string }>(sql: string): Promise<Map<string, Row[]>> =>
    Map.groupBy(await em.execute<Row[]>(sql), ({ t }) => t);
  const tables = await em.execute<TableRow[]>(
    `select c.relname as t, c.relkind::text as kind, row_security_active(c.oid) as hides_rows, c.relpersistence = 'u' as is_unlogged, c.relispartition as is_partition,
       exists (select 1 from pg_inherits i where i.inhparent = c.oid) as has_heirs
     from pg_class c where ${TABLES} order by 1`,
  );
  const columns = await read<ColumnRow>(
    `with recursive base (id, type, modifier) as (
       select oid, oid, -1 from pg_type where typtype <> 'd'
       union all select d.oid, b.type, case when d.typtypmod >= 0 then d.typtypmod else b.modifier end from pg_type d join base b on b.id = d.typbasetype where d.typtype = 'd')
     select c.relname as t, a.attname as name, format_type(b.type, case when a.atttypmod >= 0 then a.atttypmod else b.modifier end) as type, a.attnotnull as required,
       pg_get_expr(d.adbin, d.adrelid) as given, a.attidentity::text as identity, a.attgenerated::text as computed,
       (select collname from pg_collation l where l.oid = a.attcollation and l.collname <> 'default') as collation,
       (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = b.type) as labels
     from pg_class c join pg_attribute a on a.attrelid = c.oid join base b on b.id = a.atttypid left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
     where ${TABLES} and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
  );
  const checks = await read<{ t: string; name: string; definition: string }>(
    `select c.relname as t, a.attname as name, pg_get_constraintdef(k.oid) as definition
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = k.conkey[1]
     where ${TABLES} and k.contype = 'c' and cardinality(k.conkey) = 1 order by k.conname`,
  );
  const indexes = await read<IndexRow>(
    `select c.relname as t, i.relname as index_name, x.indisunique as is_unique, x.indisprimary as is_primary, x.indpred is not null as is_partial, a.attname as name
     from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
       cross join lateral unnest(x.indkey::int2[]) with ordinality as k (number, place)
       left join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number and k.number > 0
     where ${TABLES} and k.place <= x.indnkeyatts order by c.relname, i.relname, k.place`,
  );
  const references = await read<ReferenceRow>(
    `select c.relname as t, k.conname as key_name, a.attname as name, case when r.relnamespace = ${SCHEMA} then '' else r.relnamespace::regnamespace || '.' end || r.relname as target, k.confdeltype::text as rule
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class r on r.oid = k.confrelid
       cross join lateral unnest(k.conkey) with ordinality as n (number, place)
       join pg_attribute a on a.attrelid = c.oid and a.attnum = n.number
     where ${TABLES} and k.contype = 'f' order by c.relname, k.conname, n.place`,
  );
  const triggers = await read<{ t: string; name: string }>(
    `select c.relname as t, g.tgname as name from pg_trigger g join pg_class c on c.oid = g.tgrelid where ${TABLES} and not g.tgisinternal order by 1, 2`,
  );
  return new Map(
    tables.map((table): [string, FoundTable] => {
      const name = table.t;
      const all = [...Map.groupBy(indexes.get(name) ?? [], row => row.index_name)].map(([index, rows]) => ({
        name: index,
        // An index of some rows serves no key.
        columns: rows[0]!.is_partial ? [] : rows.map(row => row.name ?? ''),
        isUnique: rows[0]!.is_unique,
        isPrimary: rows[0]!.is_primary,
      }));
      const allowed = new Map(
        (checks.get(name) ?? []).map(({ name: column, definition }) => [column, valuesIn(definition)]),
      );
      return [
        name,
        {
          name,
          unfit: unfitOf(em, table),
          isStrict: false,
          columns: new Map((columns.get(name) ?? []).map(row => [row.name, columnOf(row, allowed.get(row.name))])),
          keys: all.filter(({ isUnique }) => isUnique),
          indexes: all,
          references: [...Map.groupBy(references.get(name) ?? [], row => row.key_name)].map(([key, rows]) => ({
            name: key,
            columns: rows.map(row => row.name),
            table: rows[0]!.target,
            onDelete: referenceRule(rules[rows[0]!.rule]),
          })),
          triggers: (triggers.get(name) ?? []).map(trigger => trigger.name),
        },
      ];
    }),
  );
}

/** Returns the other schemas that have a table of this name, or any table. */
export async function otherSchemas(em: SqlEntityManager, table: string | null): Promise<readonly string[]> {
  const named = table === null ? '' : ` and c.relname = ${nameAsText(em, table)}`;
  const rows = await em.execute<{ name: string }[]>(
    `select distinct n.nspname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.oid is distinct from ${SCHEMA} and n.nspname <> 'information_schema' and n.nspname not like 'pg\\_%'${named} order by 1`,
  );
  return rows.map(({ name }) => name);
}

function columnOf(row: ColumnRow, allowed: readonly string[] = []): FoundColumn {
  const { name, required, given, identity, computed, collation, labels } = row;
  const type = shortType(row.type);
  const isNumbered = identity !== '' || (given ?? '').startsWith('nextval(');
  return {
    name,
    type,
    family: labels === null ? familyOf(type) : 'text',
    nullable: !required,
    isNumbered,
    hasDefault: given !== null || isNumbered || computed !== '',
    collation,
    labels,
    allowed: labels ?? allowed,
  };
}

/** Returns the usual short name of a type. */
function shortType(type: string): string {
  return type
    .replace(/^character varying/, 'varchar')
    .replace(/^character\b/, 'char')
    .replace(/^timestamp(\(\d\))? without time zone/, 'timestamp$1')
    .replace(/^timestamp(\(\d\))? with time zone/, 'timestamptz$1');
}

/** Returns the values that a check of one column lists; empty if it is another one. */
function valuesIn(check: string): string[] {
  const [, list] = /^CHECK \(+[^']* = ANY \(+ARRAY\[(.*)\].*\)+$/s.exec(check) ?? /^CHECK \(+[^']* = ('.*)\)+$/s.exec(check) ?? []; // prettier-ignore
  return [...(list ?? '').matchAll(/'((?:[^']|'')*)'/g)].map(([, value]) => value!.replaceAll("''", "'"));
}

function unfitOf(em: SqlEntityManager, { t, kind, ...row }: TableRow): Unfit | null {
  const change = `alter table ${quotedName(em, t)}`;
  if (kind === 'v' || kind === 'm')
    return { what: 'is a view, to which nothing can be added', advice: 'Name the table behind it in the map.', canBeCopied: true }; // prettier-ignore
  if (kind === 'f')
    return {
      what: "is a foreign table, whose rows are another server's",
      advice: 'Give the URL of that server.',
      canBeCopied: true,
    };
  if (row.hides_rows)
    return {
      what: 'has row security, which hides rows from this user, so that they would be missing in copies and counts',
      advice: `${change} disable row level security; or give the user the attribute BYPASSRLS.`,
      canBeCopied: false,
    };
  if (kind === 'p')
    return {
      what: 'is partitioned, and the database makes no index of such a table beside its writers, and no unique key without the columns of its partitions',
      advice: 'Move its rows into one table.',
      canBeCopied: true,
    };
  if (row.is_partition)
    return {
      what: 'is one partition of a table',
      advice: 'Name the whole table in the map, for a copy.',
      canBeCopied: true,
    };
  if (row.has_heirs)
    return {
      what: 'has tables that inherit from it, whose rows it shows too, and which have no keys together',
      advice: 'Move all rows into one table.',
      canBeCopied: true,
    };
  if (row.is_unlogged)
    return {
      what: 'is unlogged: a crash empties it, and the counts would stay',
      advice: `${change} set logged. ${COPY_INSTEAD}`,
      canBeCopied: true,
    };
  return null;
}
