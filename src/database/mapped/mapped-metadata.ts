import { ReferenceKind, type EntityMetadata, type EntityProperty, type Platform } from '@mikro-orm/core';
import { KeyBytes, KeyText, KeyUuid, newUuid, RecountChange, RecountRun, type KeyForm } from '../../entities/index.js';
import { mapParts, type DatabaseMap, type MapPart } from '../../map/map-form.js';
import { mappedColumn, mappedEntities, mappedTable, type MappedTable } from '../../map/mapped-table.js';
import { writtenColumns } from '../../map/written-row.js';
import { columnOfOurs } from '../tables.js';

/** The beginning of the names of properties that stand for columns of the other application behind derived ones. */
const BEHIND = 'behind_';

/** Returns the tables of a map by the names of their entities. */
export function tablesByEntity(map: DatabaseMap): ReadonlyMap<string, MappedTable> {
  return new Map(mapParts.map(part => [mappedEntities[part].name, mappedTable(map, part)]));
}

/**
 * Returns the work of MikroORM's discovery that makes the entities follow a map: their properties get the columns that
 * are read, and each column that is written instead gets a property of its own, which no entity has.
 */
export function mappedDiscovery(map: DatabaseMap): { onMetadata: (meta: EntityMetadata, platform: Platform) => void } {
  const tables = tablesByEntity(map);
  return {
    onMetadata: meta => {
      const table = tables.get(meta.className);
      if (table) follow(meta, table);
      keepKeys(meta, keyFormIn(map, 'courses'));
    },
  };
}

/** Returns what the keys of a part are, by a map. */
export function keyFormIn(map: DatabaseMap, part: MapPart): KeyForm {
  return mappedTable(map, part).keys;
}

/** The properties of tables of our own that have keys of courses without referring to the entity. */
const courseKeys = new Map([
  [RecountChange.name, 'courseId'],
  [RecountRun.name, 'cursorId'],
]);

/** Makes the tables of our own keep keys of courses that are no numbers. */
function keepKeys(meta: EntityMetadata, form: KeyForm): void {
  const name = courseKeys.get(meta.className);
  if (name === undefined || form === 'number') return;
  become(meta.properties[name as never] as EntityProperty, ownKeyType(name, form));
}

/**
 * Returns the type of a property of our own that has keys of courses. The cursor of a run is a text in any case, because
 * an undo has a number there.
 */
export function ownKeyType(property: string, form: KeyForm): typeof KeyText {
  return form === 'uuid-binary' && property !== 'cursorId' ? KeyBytes : KeyText;
}

/** The types of keys that are not texts. */
const keyTypes: Partial<Record<KeyForm, typeof KeyText>> = { uuid: KeyUuid, 'uuid-binary': KeyBytes };

function become(property: EntityProperty, type: typeof KeyText): void {
  Object.assign(property, { type, unsigned: false, autoincrement: false });
}

function follow(meta: EntityMetadata, table: MappedTable): void {
  meta.tableName = table.table;
  const { keys } = table;
  if (keys !== 'number') {
    const key = meta.properties['id' as never] as EntityProperty;
    become(key, keyTypes[keys] ?? KeyText);
    key.onCreate = () => newUuid(keys);
  }
  for (const property of Object.values<EntityProperty>(meta.properties)) {
    const mapped = table.propertyOf(property.name);
    const column = mappedColumn(mapped, columnOfOurs(property));
    property.fieldNames = [column];
    if (property.kind === ReferenceKind.MANY_TO_ONE) property.joinColumns = [column];
  }
  const owned = new Set(Object.values<EntityProperty>(meta.properties).map(({ fieldNames }) => fieldNames[0]));
  for (const column of columnsBehind(table, Object.keys(meta.properties)))
    if (!owned.has(column))
      meta.addProperty({
        name: behind(column),
        kind: ReferenceKind.SCALAR,
        type: 'any',
        runtimeType: 'any',
        fieldNames: [column],
        columnTypes: ['text'],
        nullable: true,
        hidden: true,
        lazy: true,
      } as never);
}

/** Returns the columns that are written where derived ones are read, and those that an INSERT fills. */
function columnsBehind(table: MappedTable, properties: readonly string[]): Set<string> {
  const written = properties.flatMap(name => {
    const mapped = table.propertyOf(name);
    return mapped.kind === 'derived' ? writtenColumns(mapped.source) : [];
  });
  return new Set([...written, ...Object.keys(table.fill)]);
}

/** Returns the name of the property by which a column of the other application is written. */
export function writerOf(meta: EntityMetadata, column: string): string {
  const own = meta.props.find(property => property.fieldNames?.[0] === column && !isBehind(property));
  return own?.name ?? behind(column);
}

/** Returns the name of the property that stands for a column of the other application. */
function behind(column: string): string {
  return `${BEHIND}${column}`;
}

/** Returns true for a property that stands for a column of the other application, and that no entity has. */
export function isBehind({ name }: Pick<EntityProperty, 'name'>): boolean {
  return name.startsWith(BEHIND);
}
