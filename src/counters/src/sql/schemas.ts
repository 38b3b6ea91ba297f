import type { EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

/** Stands for the schema that the connection has: the database of MySQL and MariaDB, `main` of SQLite. */
export const OWN_SCHEMA = '*';

/** Returns true for an entity whose rows are in one schema, whatever an entity manager or a row is given. */
export function isFixed({ schema }: EntityMetadata): boolean {
  return schema !== undefined && schema !== OWN_SCHEMA;
}

/**
 * Returns the schema in which MikroORM has the rows of an entity that it was given a schema for, be it by the entity
 * manager, by an option, or by the row itself. A given `*` means no schema, and the returned one the connection's own.
 */
export function schemaOf(em: SqlEntityManager, meta: EntityMetadata, given = em.schema): string {
  const schema = em.getDriver().getSchemaName(meta, { schema: given ?? OWN_SCHEMA });
  return schema === undefined || (schema === nameOfOwnSchema(em) && em.config.getSchema(true) === undefined)
    ? OWN_SCHEMA
    : schema;
}

/** Returns the name of the connection's own schema. */
export function nameOfOwnSchema(em: SqlEntityManager): string | undefined {
  return em.getPlatform().getDefaultSchemaName() ?? em.config.get('dbName');
}

/** Returns a name with a schema before it, if that is not the connection's own. */
export function nameIn(schema: string, name: string): string {
  return schema === OWN_SCHEMA ? name : `${schema}.${name}`;
}

/** Returns the plain name of an entity's table, with its schema where that is not the connection's own. */
export function plainTableName(em: SqlEntityManager, meta: EntityMetadata, given = em.schema): string {
  return nameIn(schemaOf(em, meta, given), meta.tableName);
}
