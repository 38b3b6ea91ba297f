import type { EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from '../errors.js';
import { isFixed, nameOfOwnSchema, OWN_SCHEMA, schemaOf } from '../sql/schemas.js';
import { isSameTable } from './inheritance.js';
import type { CounterGroup } from './counter-group.js';
import type { CounterRegistry, Reach } from './registry.js';

// An entity may have rows in many schemas. The rows of each are counted by a group of their own, so that neither keys
// nor locks nor stored counts of two schemas are taken for each other.

/** A group whose schemas are known. */
export type LocatedGroup = CounterGroup & { readonly countedSchema: string; readonly targetSchema: string };

const located = new WeakMap<CounterGroup, Map<string, LocatedGroup>>();
const lists = new WeakMap<readonly CounterGroup[], Map<string, readonly LocatedGroup[]>>();

/**
 * Returns the groups that count the rows that an entity has in a schema: always the same list, for it is asked for each
 * row. Errors: COUNTER_DECLARATION where rows of this schema cannot be counted.
 */
export function groupsIn(
  em: SqlEntityManager,
  registry: CounterRegistry,
  counted: EntityMetadata,
  given: string | undefined,
  reach?: Reach,
): readonly LocatedGroup[] {
  const groups = registry.countedBy(counted, reach);
  if (groups.length === 0) return [];
  const schema = schemaOf(em, counted, given ?? OWN_SCHEMA);
  const known = lists.get(groups) ?? new Map<string, readonly LocatedGroup[]>();
  lists.set(groups, known);
  let list = known.get(schema);
  if (!list) {
    for (const group of groups) refuseOtherSchemas(em, group, schema);
    known.set(schema, (list = groups.map(group => locatedIn(em, group, schema))));
    for (const { targetSchema, target } of list) {
      refuseSharedTables(em, counted, schema);
      refuseSharedTables(em, target, targetSchema);
    }
  }
  return list;
}

/** Returns all groups as an entity manager has them: those of fixed schemas, and all others in its own. */
export function groupsOf(em: SqlEntityManager, { groups }: CounterRegistry): LocatedGroup[] {
  return groups.map(group => locatedIn(em, group, schemaOf(em, group.counted, homeOf(group) ?? em.schema)));
}

/**
 * Returns the groups that count into the rows that a target entity has in a schema. Errors: COUNTER_DECLARATION where
 * rows of another schema are counted.
 */
export function groupsInto(
  em: SqlEntityManager,
  registry: CounterRegistry,
  target: EntityMetadata,
  given = em.schema,
): LocatedGroup[] {
  const schema = schemaOf(em, target, given ?? OWN_SCHEMA);
  return registry.storedOn(target).map(group => {
    const one = locatedIn(em, group, schemaOf(em, group.counted, homeOf(group) ?? schema));
    if (one.targetSchema === schema) return one;
    throw new CounterError(
      'COUNTER_DECLARATION',
      `${group.counters[0]!.name} counts ${group.counted.className} rows into the schema ${shown(em, one.targetSchema)}, and not into ${shown(em, schema)}. Take an entity manager of that schema.`,
    );
  });
}

/**
 * Returns the counted or target entity of a table, in whatever case its name is given. Without a schema it is the
 * connection's own.
 */
export function entityOf(
  em: SqlEntityManager,
  { groups }: CounterRegistry,
  table: string,
  schema?: string,
): EntityMetadata | undefined {
  const named = entities(em).filter(({ tableName }) => isSame(tableName, table));
  const wanted = schema === undefined || isSame(schema, nameOfOwnSchema(em) ?? '') ? OWN_SCHEMA : schema;
  const fixed = named.filter(meta => isFixed(meta) && isSame(schemaOf(em, meta), wanted));
  const movable = named.filter(meta => !isFixed(meta));
  // Without a schema, SQLite finds a table of an attached database too.
  const candidates = fixed.length > 0 ? fixed : movable.length > 0 ? movable : schema === undefined ? named : [];
  return candidates.find(meta =>
    groups.some(({ counted, target }) => isSameTable(counted, meta) || isSameTable(target, meta)),
  );
}

/** Refuses to write a table that counts through another entity than the one that the counters know. */
export function refuseTwin(
  em: SqlEntityManager,
  registry: CounterRegistry,
  meta: EntityMetadata,
  given: string | undefined,
): void {
  const { groups } = registry;
  if (groups.some(({ counted, target }) => isSameTable(counted, meta) || isSameTable(target, meta))) return;
  const schema = schemaOf(em, meta, given ?? OWN_SCHEMA);
  const other = groups
    .flatMap(({ counted, target }) => [counted, target])
    .find(one => one.tableName === meta.tableName && isFixed(one) && schemaOf(em, one) === schema);
  if (other) throw sharedTable(em, other, meta, schema);
}

/** Compares groups for the order in which every transaction locks their targets: by table, then by schema. */
export function compareGroups(a: CounterGroup, b: CounterGroup): number {
  if (a.order !== b.order) return a.order - b.order;
  const [left, right] = [a.targetSchema ?? OWN_SCHEMA, b.targetSchema ?? OWN_SCHEMA];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Returns a text that is equal for groups with the same target table. */
export function targetTableOf({ order, targetSchema = OWN_SCHEMA }: CounterGroup): string {
  return `${order} ${targetSchema}`;
}

/**
 * Returns the schema that rows of a group are in wherever they are counted; undefined where each schema has its own
 * counts. Targets of one schema count the rows of one schema, because verify and recount must find them.
 */
function homeOf({ counted, target }: CounterGroup): string | undefined {
  if (isFixed(counted)) return counted.schema;
  return isFixed(target) || (counted.schema === OWN_SCHEMA && target.schema === undefined) ? OWN_SCHEMA : undefined;
}

function locatedIn(em: SqlEntityManager, group: CounterGroup, countedSchema: string): LocatedGroup {
  const known = located.get(group) ?? new Map<string, LocatedGroup>();
  located.set(group, known);
  const { counted, target } = group;
  // The foreign key of a table in a fixed schema leads to the configuration's schema where the target names none.
  const given = isFixed(counted) && target.schema === undefined ? OWN_SCHEMA : countedSchema;
  const one = known.get(countedSchema) ?? { ...group, countedSchema, targetSchema: schemaOf(em, target, given) };
  known.set(countedSchema, one);
  return one;
}

function refuseOtherSchemas(em: SqlEntityManager, group: CounterGroup, schema: string): void {
  const home = homeOf(group);
  if (home === undefined || schemaOf(em, group.counted, home) === schema) return;
  const { counted, target, counters } = group;
  throw new CounterError(
    'COUNTER_DECLARATION',
    `${counters[0]!.name} counts ${counted.className} rows of one schema, because ${target.className} ${isFixed(target) ? `is in the schema ${target.schema}` : 'has no schema'}; a row of the schema ${shown(em, schema)} could not be found again. ` +
      `Write it in the schema ${shown(em, schemaOf(em, counted, OWN_SCHEMA))}, or give ${target.className} the schema "*".`,
  );
}

/** Refuses to count in a table that another entity has too, in a schema that only becomes known with the row. */
function refuseSharedTables(em: SqlEntityManager, meta: EntityMetadata, schema: string): void {
  if (isFixed(meta)) return;
  const twin = entities(em).find(
    other =>
      !isSameTable(other, meta) &&
      isSame(other.tableName, meta.tableName) &&
      isFixed(other) &&
      schemaOf(em, other) === schema,
  );
  if (twin) throw sharedTable(em, meta, twin, schema);
}

function sharedTable(
  em: SqlEntityManager,
  counted: EntityMetadata,
  other: EntityMetadata,
  schema: string,
): CounterError {
  return new CounterError(
    'COUNTER_DECLARATION',
    `In the schema ${shown(em, schema)}, ${other.className} has the table ${counted.tableName} of ${counted.className} too, and what it writes would not be counted. Map a table that counts to one entity.`,
  );
}

function shown(em: SqlEntityManager, schema: string): string {
  return schema === OWN_SCHEMA ? String(nameOfOwnSchema(em)) : schema;
}

function entities(em: SqlEntityManager): EntityMetadata[] {
  return ([...em.getMetadata().getAll().values()] as EntityMetadata[]).filter(
    meta => (!meta.abstract || meta.inheritanceType) && !meta.embeddable && !meta.virtual && !meta.view,
  );
}

function isSame(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
