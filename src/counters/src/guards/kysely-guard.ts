import type { SqlEntityManager } from '@mikro-orm/sql';
import {
  CompiledQuery,
  type QueryExecutor,
  type QueryExecutorProvider,
  type RootOperationNode,
  type WithNode,
} from 'kysely';
import type { CounterRegistry } from '../declarations/registry.js';
import { entityOf } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import { bypassRefused } from '../events.js';

const guarded = new WeakSet<object>();

/**
 * Makes a Kysely instance, its transactions, and its copies with other plugins refuse writes to counted tables and to
 * stored counts (COUNTER_BYPASS, COUNTER_ASSIGNED) when they are compiled.
 *
 * Raw fragments cannot be examined; they are raw SQL.
 *
 * `session` has the statements that prepare the session of a connection each time it is taken.
 */
export function guardKysely<Instance extends QueryExecutorProvider>(
  em: SqlEntityManager,
  registry: CounterRegistry,
  session: readonly string[],
  kysely: Instance,
): Instance {
  guardExecutor(em, registry, session, kysely.getExecutor());
  return kysely;
}

type Method = (...parameters: unknown[]) => QueryExecutor;

function guardExecutor(
  em: SqlEntityManager,
  registry: CounterRegistry,
  session: readonly string[],
  executor: QueryExecutor,
): QueryExecutor {
  if (guarded.has(executor)) return executor;
  guarded.add(executor);
  const compileQuery = executor.compileQuery.bind(executor);
  executor.compileQuery = (node, queryId) => {
    for (const query of queriesIn(node)) refuse(em, registry, query);
    return compileQuery(node, queryId);
  };
  const methods = executor as unknown as Record<string, Method>;
  for (const name of ['withConnectionProvider', 'withPlugin', 'withPluginAtFront', 'withPlugins', 'withoutPlugins']) {
    const original = methods[name]!.bind(executor);
    // A connection of the executor's own is prepared.
    const its = name === 'withConnectionProvider' ? [] : session;
    methods[name] = (...parameters) => guardExecutor(em, registry, its, original(...parameters));
  }
  if (session.length === 0) return executor;
  const provideConnection = executor.provideConnection.bind(executor);
  executor.provideConnection = (consumer, options) =>
    provideConnection(async connection => {
      for (const sql of session) await connection.executeQuery(CompiledQuery.raw(sql));
      return consumer(connection);
    }, options);
  return executor;
}

/** What a query writes: the tables, and the columns; `whole` where it writes rows of a table without naming columns. */
interface Written {
  readonly tables: unknown;
  readonly columns: unknown;
  readonly whole: boolean;
}

/** Returns a query and those of its WITH clause, which may write too on PostgreSQL. */
function queriesIn(node: RootOperationNode): RootOperationNode[] {
  const { with: clause } = node as { readonly with?: WithNode };
  const inner = (clause?.expressions ?? []).map(({ expression }) => expression as RootOperationNode);
  return [node, ...inner.flatMap(queriesIn)];
}

function refuse(em: SqlEntityManager, registry: CounterRegistry, node: RootOperationNode): void {
  const written = writtenBy(node);
  if (!written) return;
  const entities = tablesIn(written.tables).flatMap(({ schema, name }) => entityOf(em, registry, name, schema) ?? []);
  const classes = new Set<unknown>(entities.map(meta => meta.class));
  const counting = new Set(entities.flatMap(meta => registry.countedBy(meta, 'table')));
  for (const group of entities.length === 0 ? [] : registry.groups) {
    const { counted, type, target, counters, discriminator, primaryKey, by } = group;
    const list = counters.map(({ name }) => name).join(' and ');
    if (registry.strategy === 'hooks' && counting.has(group)) {
      throw bypassRefused(
        counted.className,
        `A Kysely ${node.kind} on ${type.tableName} would write past ${list}. Use em.create() and em.remove(), or insertMany(), updateWhere() and deleteWhere() of the counters.`,
      );
    }
    if (!classes.has(target.class)) continue;
    if (written.whole) throw assigned(node, list);
    const columns = identifiersIn(written.columns);
    const takesAway =
      node.kind === 'DeleteQueryNode' ||
      node.kind === 'MergeQueryNode' ||
      (node.kind !== 'InsertQueryNode' && primaryKey.some(column => columns.has(column.toLowerCase())));
    if (discriminator && takesAway)
      throw bypassRefused(
        target.className,
        `A Kysely ${node.kind} on ${target.tableName} may take away what ${counted.className} rows refer to by "${by}", and no foreign key of the database keeps that. Use em.remove(), or a change of the entities and a flush.`,
      );
    const counter = counters.find(({ column }) => columns.has(column.toLowerCase()));
    if (counter) throw assigned(node, counter.name);
  }
}

function assigned(node: RootOperationNode, name: string): CounterError {
  return new CounterError(
    'COUNTER_ASSIGNED',
    `A Kysely ${node.kind} assigns ${name}. Leave it out: the counters engine alone writes it.`,
  );
}

function writtenBy(node: RootOperationNode): Written | undefined {
  switch (node.kind) {
    case 'InsertQueryNode': {
      const columns = [node.columns, node.onConflict?.updates?.map(({ column }) => column), node.onDuplicateKey];
      const replaces = node.replace === true || node.orAction?.action.toLowerCase() === 'replace';
      // All columns from a query; or a row that replaces another, whose counts are lost with it.
      return {
        tables: node.into,
        columns,
        whole: replaces || (node.values !== undefined && node.columns === undefined),
      };
    }
    case 'UpdateQueryNode':
      return { tables: node.table, columns: node.updates?.map(({ column }) => column), whole: false };
    case 'DeleteQueryNode': {
      // DELETE FROM e USING t AS e: the table may stand behind its alias.
      const aliased = aliasesIn([node.using, node.joins]);
      return {
        tables: [node.from, [...identifiersIn(node.from)].map(name => aliased.get(name))],
        columns: [],
        whole: false,
      };
    }
    case 'MergeQueryNode':
      return { tables: node.into, columns: node.whens, whole: false };
    default:
      return undefined;
  }
}

interface Part {
  readonly kind?: string;
  readonly name?: unknown;
  readonly node?: unknown;
  readonly alias?: unknown;
  readonly schema?: unknown;
  readonly identifier?: unknown;
}

/** Returns the identifiers anywhere in a part of a query, in lower case, as databases compare them. */
function identifiersIn(part: unknown, found = new Set<string>()): Set<string> {
  if (typeof part !== 'object' || part === null) return found;
  const { kind, name } = part as Part;
  if (kind === 'IdentifierNode' && typeof name === 'string') found.add(name.toLowerCase());
  for (const value of Object.values(part)) identifiersIn(value, found);
  return found;
}

/** A table as a query names it, in lower case. */
interface NamedTable {
  readonly name: string;
  readonly schema?: string;
}

/** Returns the tables that any part of a query names. */
function tablesIn(part: unknown): NamedTable[] {
  if (typeof part !== 'object' || part === null) return [];
  const { kind, schema, identifier } = part as Part;
  if (kind !== 'SchemableIdentifierNode') {
    const own = kind === 'IdentifierNode' ? [...identifiersIn(part)].map(name => ({ name })) : [];
    return [...own, ...Object.values(part).flatMap(tablesIn)];
  }
  const [within] = identifiersIn(schema);
  return [...identifiersIn(identifier)].map(name => ({ name, ...(within !== undefined && { schema: within }) }));
}

/** Returns the node behind each alias in a part of a query. */
function aliasesIn(part: unknown, found = new Map<string, unknown>()): Map<string, unknown> {
  if (typeof part !== 'object' || part === null) return found;
  const { kind, node, alias } = part as Part;
  if (kind === 'AliasNode') for (const name of identifiersIn(alias)) found.set(name, node);
  for (const value of Object.values(part)) aliasesIn(value, found);
  return found;
}
