import type { MetadataStorage } from '@mikro-orm/core';
import {
  AliasNode,
  ColumnNode,
  IdentifierNode,
  OperationNodeTransformer,
  RawNode,
  ReferenceNode,
  SelectAllNode,
  SelectionNode,
  TableNode,
  type FromNode,
  type JoinNode,
  type KyselyPlugin,
  type OperationNode,
  type PluginTransformQueryArgs,
  type PluginTransformResultArgs,
  type QueryId,
  type QueryResult,
  type RootOperationNode,
  type SelectQueryNode,
  type UnknownRow,
} from 'kysely';
import { tableNames } from '../tables.js';
import { storedColumns, storedTable } from './stored-names.js';

/** A table: its name in the database, and the names of its columns there by ours. */
interface NamedTable {
  readonly name: string;
  readonly columns: ReadonlyMap<string, string>;
}

/** The tables, by our names. */
type NamedTables = ReadonlyMap<string, NamedTable>;

/**
 * The names in queries of the query builder, as a map says. Queries are written with our names; each table gets ours as
 * its alias, and each selected column too, so that the rows have them as well.
 */
export class MappedQueries implements KyselyPlugin {
  readonly #tables: NamedTables;

  constructor(database: { readonly getMetadata: () => MetadataStorage }) {
    this.#tables = new Map(
      tableNames.map(ours => [ours, { name: storedTable(database, ours), columns: storedColumns(database, ours) }]),
    );
  }

  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    return new NameTransformer(this.#tables).transformNode(node, queryId);
  }

  transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return Promise.resolve(result);
  }
}

/** The tables by their names within a query; null: something else than a table, such as a query in parentheses. */
type TableScope = ReadonlyMap<string, NamedTable | null>;

class NameTransformer extends OperationNodeTransformer {
  readonly #scopes: TableScope[] = [];

  constructor(private readonly tables: NamedTables) {
    super();
  }

  protected override transformSelectQuery(node: SelectQueryNode, queryId: QueryId): SelectQueryNode {
    this.#scopes.unshift(this.#scopeOf(node));
    for (const { selection } of node.selections ?? []) this.#refuseAll(selection);
    const transformed = super.transformSelectQuery(node, queryId);
    this.#scopes.shift();
    // What a union of queries is ordered by are the columns that it returns.
    return node.setOperations?.length && node.orderBy ? { ...transformed, orderBy: node.orderBy } : transformed;
  }

  protected override transformFrom(node: FromNode, queryId: QueryId): FromNode {
    return { ...node, froms: node.froms.map(from => this.#table(from, queryId)) };
  }

  protected override transformJoin(node: JoinNode, queryId: QueryId): JoinNode {
    return { ...super.transformJoin(node, queryId), table: this.#table(node.table, queryId) };
  }

  protected override transformAlias(node: AliasNode, queryId: QueryId): AliasNode {
    return { ...node, node: this.transformNode(node.node, queryId) };
  }

  protected override transformTable(node: TableNode): TableNode {
    const table = this.tables.get(nameOf(node));
    return table ? TableNode.create(table.name) : node;
  }

  protected override transformSelection(node: SelectionNode, queryId: QueryId): SelectionNode {
    const { selection } = node;
    const transformed = super.transformSelection(node, queryId);
    const [before, after] = [columnIn(selection), columnIn(transformed.selection)];
    if (before === undefined || before === after) return transformed;
    return SelectionNode.create(AliasNode.create(transformed.selection, IdentifierNode.create(before)));
  }

  protected override transformReference(node: ReferenceNode): ReferenceNode {
    const { column, table } = node;
    if (!ColumnNode.is(column)) return node;
    const ours = column.column.name;
    const found = this.#columnOf(ours, table && nameOf(table));
    if (found === undefined || found.name === ours) return node;
    // With its table: an ORDER BY would take a name alone for that of another selected column, which has ours.
    return {
      ...node,
      column: ColumnNode.create(found.name),
      table: table ?? TableNode.create(found.table),
    };
  }

  protected override transformColumn(node: ColumnNode): ColumnNode {
    const found = this.#columnOf(node.column.name, undefined);
    return found === undefined ? node : ColumnNode.create(found.name);
  }

  /**
   * Returns the name of a column of ours in the database, with that of its table in the query; undefined: it is a column of
   * something else than a table.
   */
  #columnOf(ours: string, table: string | undefined): { readonly table: string; readonly name: string } | undefined {
    const scope = table === undefined ? this.#scopes[0] : this.#scopes.find(names => names.has(table));
    for (const [alias, named] of scope ?? []) {
      const name = table === undefined || alias === table ? named?.columns.get(ours) : undefined;
      if (name !== undefined) return { table: alias, name };
    }
    return undefined;
  }

  /** Returns a table of a query with our name, whatever it is called. */
  #table(node: OperationNode, queryId: QueryId): OperationNode {
    const transformed = this.transformNode(node, queryId);
    return TableNode.is(node) && this.tables.has(nameOf(node))
      ? AliasNode.create(transformed, IdentifierNode.create(nameOf(node)))
      : transformed;
  }

  #scopeOf({ from, joins = [] }: SelectQueryNode): TableScope {
    const nodes = [...(from?.froms ?? []), ...joins.map(({ table }) => table)];
    return new Map(
      nodes.map(node => {
        const [alias, inner] = AliasNode.is(node) ? [node.alias, node.node] : [node, node];
        const table = tableIn(inner);
        // An alias with a hint keeps our name when the query is transformed again, as a part of another one.
        const aliased = IdentifierNode.is(alias) ? undefined : (tableIn(alias) ?? table);
        const name = IdentifierNode.is(alias) ? alias.name : aliased && nameOf(aliased);
        return [name ?? '', (table && this.tables.get(nameOf(table))) ?? null] as const;
      }),
    );
  }

  /** Refuses a selection of all columns of a table, which are not ours. */
  #refuseAll(node: OperationNode): void {
    if (!SelectAllNode.is(ReferenceNode.is(node) ? node.column : node)) return;
    const named = ReferenceNode.is(node) ? node.table && nameOf(node.table) : undefined;
    const scope = this.#scopes.find(names => named === undefined || names.has(named));
    const tables = named === undefined ? [...(scope?.values() ?? [])] : [scope?.get(named) ?? null];
    const mapped = tables.find(table => table !== null && [...table.columns].some(([ours, name]) => ours !== name));
    if (mapped) throw new Error(`A query selects all columns of ${mapped.name}, which is another application's.`);
  }
}

/** Returns the table that a node is, alone or with a hint. */
function tableIn(node: OperationNode): TableNode | undefined {
  if (TableNode.is(node)) return node;
  return RawNode.is(node) ? node.parameters.map(tableIn).find(table => table !== undefined) : undefined;
}

function nameOf(node: TableNode): string {
  return node.table.identifier.name;
}

function columnIn(node: OperationNode): string | undefined {
  if (ColumnNode.is(node)) return node.column.name;
  return ReferenceNode.is(node) && ColumnNode.is(node.column) ? node.column.column.name : undefined;
}
