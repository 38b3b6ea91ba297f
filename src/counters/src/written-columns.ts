import { ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';

type Properties = Readonly<Record<string, EntityProperty>>;

/**
 * Is one value that data writes: the property's name, or the name as given where no property has it, and the columns.
 */
export interface Written {
  readonly name: string;
  readonly columns: readonly string[];
  readonly value: unknown;
}

/** Gives what data writes, with the parts of embedded objects as the properties that MikroORM makes of them. */
export function writtenProperties(meta: EntityMetadata, data: object): Written[] {
  return writtenIn(meta.properties as Properties, data);
}

/**
 * Gives the columns that data writes, in lower case, as databases compare them, with the values.
 *
 * Data may name properties or columns, with the alias of their table before them or without.
 */
export function writtenColumns(meta: EntityMetadata, data: object): Map<string, unknown> {
  return new Map(
    writtenProperties(meta, data).flatMap(({ columns, value }) => columns.map(column => [column.toLowerCase(), value])),
  );
}

/** Gives the many-to-many properties that data names: MikroORM writes their pivot tables together with the row. */
export function writtenPivots(meta: EntityMetadata, data: object): EntityProperty[] {
  return meta.relations.filter(
    ({ kind, name }) => kind === ReferenceKind.MANY_TO_MANY && (data as Record<string, unknown>)[name] !== undefined,
  );
}

function writtenIn(properties: Properties, data: object): Written[] {
  return Object.entries(data).flatMap(([key, value]): Written[] => {
    const name = key.slice(key.lastIndexOf('.') + 1);
    const property = properties[name];
    if (!property) return [{ name: key, columns: [name], value }];
    if (!property.embeddedProps || property.object)
      return [{ name: property.name, columns: property.fieldNames ?? [], value }];
    const parts = property.embeddedProps as Properties;
    const whole =
      typeof value === 'object' && value !== null
        ? value
        : Object.fromEntries(Object.keys(parts).map(part => [part, value]));
    return writtenIn(parts, whole);
  });
}
