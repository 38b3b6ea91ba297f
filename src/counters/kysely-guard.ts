import type { KyselyPlugin, PluginTransformQueryArgs, PluginTransformResultArgs, QueryResult, RootOperationNode, UnknownRow } from 'kysely';
import { CounterError } from './errors.js';
import { bypassRefused } from './events.js';
import type { CounterRegistry } from './registry.js';

/**
 * Refuses Kysely writes to counted tables and to stored counts (COUNTER_BYPASS, COUNTER_ASSIGNED) when they are compiled.
 *
 * Raw fragments cannot be seen through; they are raw SQL.
 */
export class KyselyGuard implements KyselyPlugin {
  constructor(private readonly registry: CounterRegistry) {}

  transformQuery({ node }: PluginTransformQueryArgs): RootOperationNode {
    const written = writtenParts(node);
    if (!written) return node;
    const names = identifiersIn(written.tables);
    for (const { counted, target, counters } of this.registry.groups) {
      const list = counters.map(({ name }) => name).join(' and ');
      if (this.registry.strategy === 'hooks' && (names.has(counted.tableName) || names.has(counted.className))) {
        throw bypassRefused(
          counted.className,
          `A Kysely ${node.kind} on ${counted.tableName} would write past ${list}. Use em.create() and em.remove(), or insertMany(), updateWhere() and deleteWhere() of the counters.`,
        );
      }
      if (!names.has(target.tableName) && !names.has(target.className)) continue;
      const columns = identifiersIn(written.columns);
      const counter = counters.find(({ column, property }) => columns.has(column) || columns.has(property));
      if (counter) throw new CounterError('COUNTER_ASSIGNED', `A Kysely ${node.kind} assigns ${counter.name}. Leave it out: the counters engine alone writes it.`);
    }
    return node;
  }

  transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    return Promise.resolve(result);
  }
}

function writtenParts(node: RootOperationNode): { tables: unknown; columns: unknown } | undefined {
  switch (node.kind) {
    case 'InsertQueryNode':
      return { tables: node.into, columns: [node.columns, node.onConflict?.updates?.map(({ column }) => column), node.onDuplicateKey] };
    case 'UpdateQueryNode':
      return { tables: node.table, columns: node.updates?.map(({ column }) => column) };
    case 'DeleteQueryNode':
      // DELETE FROM e USING t AS e: the table may stand behind its alias.
      return { tables: [node.from, node.using], columns: [] };
    case 'MergeQueryNode':
      return { tables: node.into, columns: node.whens };
    default:
      return undefined;
  }
}

function identifiersIn(part: unknown, found = new Set<string>()): Set<string> {
  if (typeof part !== 'object' || part === null) return found;
  const node = part as { kind?: string; name?: unknown };
  if (node.kind === 'IdentifierNode' && typeof node.name === 'string') found.add(node.name);
  for (const value of Object.values(part)) identifiersIn(value, found);
  return found;
}
