import { randomUUID } from 'node:crypto';
import type {
  Configuration,
  DeleteOptions,
  EntityDictionary,
  EntityMetadata,
  EntityName,
  EntityProperty,
  FilterQuery,
  NativeInsertUpdateManyOptions,
  NativeInsertUpdateOptions,
  QueryResult,
  Transaction,
} from '@mikro-orm/core';
import type { AbstractSqlDriver } from '@mikro-orm/sql';
import { filledWith, needsKey } from '../../map/filled-row.js';
import type { DatabaseMap } from '../../map/map-form.js';
import type { MappedTable } from '../../map/mapped-table.js';
import { NotWritable, writtenRow } from '../../map/written-row.js';
import type { DriverClass, Options } from '../dialects/dialect.js';
import { dateOf, type StoredMoment } from '../tables.js';
import { takeKeyBytes } from './key-bytes.js';
import { takeNames } from './mapped-platform.js';
import { isBehind, tablesByEntity, writerOf } from './mapped-metadata.js';

/** The values that a statement writes, by the names of properties. */
type Data = Readonly<Record<string, unknown>>;

/** A driver whose statements follow a map. */
interface MappedDriver {
  readonly map: DatabaseMap;
}

/** Returns the map of a driver's database; null: the database is our own. */
export function mapOf(driver: object): DatabaseMap | null {
  return (driver as Partial<MappedDriver>).map ?? null;
}

/**
 * Returns a driver class like another one, which writes into another application's tables what a map says: all writes of
 * the ORM, those of a flush and bulk writes alike, pass here; those of query builders, which do not, are refused. Errors
 * of its methods: NotWritable.
 */
export function mappedDriver(driver: NonNullable<Options['driver']>, map: DatabaseMap): NonNullable<Options['driver']> {
  const tables = tablesByEntity(map);
  class Mapped extends (driver as unknown as DriverClass) implements MappedDriver {
    readonly map = map;

    constructor(configuration: Configuration) {
      super(configuration);
      takeNames(this.getPlatform(), map);
      takeKeyBytes(this.getPlatform(), this.getConnection(), map);
    }

    override async nativeInsert<Entity extends object>(
      entity: EntityName<Entity>,
      data: EntityDictionary<Entity>,
      options?: NativeInsertUpdateOptions<Entity>,
    ): Promise<QueryResult<Entity>> {
      const mapped = this.#mapped(entity);
      if (!mapped) return super.nativeInsert(entity, data, options);
      const { row, late } = inserted(mapped, data);
      const result = await super.nativeInsert(entity, row as EntityDictionary<Entity>, options);
      if (late.length > 0) await this.#fillLate(entity, mapped, [row], options);
      return result;
    }

    override async nativeInsertMany<Entity extends object>(
      entity: EntityName<Entity>,
      data: EntityDictionary<Entity>[],
      options?: NativeInsertUpdateManyOptions<Entity>,
      transform?: (sql: string) => string,
    ): Promise<QueryResult<Entity>> {
      const mapped = this.#mapped(entity);
      if (!mapped) return super.nativeInsertMany(entity, data, options, transform);
      const rows = data.map(one => inserted(mapped, one));
      const whole = rows.map(({ row }) => row as EntityDictionary<Entity>);
      const result = await super.nativeInsertMany(entity, whole, options, transform);
      const late = rows.filter(one => one.late.length > 0).map(({ row }) => row);
      if (late.length > 0) await this.#fillLate(entity, mapped, late, options);
      return result;
    }

    override nativeUpdate<Entity extends object>(
      entity: EntityName<Entity>,
      where: FilterQuery<Entity>,
      data: EntityDictionary<Entity>,
      options?: NativeInsertUpdateOptions<Entity>,
    ): Promise<QueryResult<Entity>> {
      return super.nativeUpdate(entity, where, this.#written(entity, data), options);
    }

    override nativeUpdateMany<Entity extends object>(
      entity: EntityName<Entity>,
      where: FilterQuery<Entity>[],
      data: EntityDictionary<Entity>[],
      options?: NativeInsertUpdateManyOptions<Entity>,
      transform?: (sql: string, params: unknown[]) => string,
    ): Promise<QueryResult<Entity>> {
      const rows = data.map(one => this.#written(entity, one));
      return super.nativeUpdateMany(entity, where, rows, options, transform);
    }

    override nativeDelete<Entity extends object>(
      entity: EntityName<Entity>,
      where: FilterQuery<Entity>,
      options?: DeleteOptions<Entity>,
    ): Promise<QueryResult<Entity>> {
      const mapped = this.#mapped(entity);
      if (mapped) requireWritable(mapped.table);
      return super.nativeDelete(entity, where, options);
    }

    override createQueryBuilder<Entity extends object>(
      ...parameters: Parameters<typeof AbstractSqlDriver.prototype.createQueryBuilder<Entity>>
    ): ReturnType<typeof AbstractSqlDriver.prototype.createQueryBuilder<Entity>> {
      const builder = super.createQueryBuilder<Entity>(...parameters);
      const [entity, , , , , , em] = parameters;
      // The driver's own builders, whose data are those of the map already, have no entity manager.
      const mapped = em && this.#mapped(entity as EntityName<Entity>);
      return mapped ? withoutWrites(builder, mapped.table) : builder;
    }

    #written<Entity extends object>(
      entity: EntityName<Entity>,
      data: EntityDictionary<Entity>,
    ): EntityDictionary<Entity> {
      const mapped = this.#mapped(entity);
      return mapped ? (written(mapped, data) as EntityDictionary<Entity>) : data;
    }

    #mapped<Entity extends object>(entity: EntityName<Entity>): Mapping | undefined {
      const meta = this.metadata.get(entity) as EntityMetadata;
      const table = tables.get(meta.className);
      return table && { meta, table };
    }

    /** Fills the columns that have the key of their row in them, by the values that stand in for them until then. */
    async #fillLate<Entity extends object>(
      entity: EntityName<Entity>,
      { meta, table }: Mapping,
      rows: readonly Data[],
      options: NativeInsertUpdateOptions<Entity> | undefined,
    ): Promise<void> {
      const key = meta.getPrimaryProp();
      const columns = lateColumns(table, key);
      const first = writerOf(meta, columns[0]!);
      const within = options?.ctx === undefined ? {} : { ctx: options.ctx as unknown as Transaction<object> };
      const found = (await this.find<object>(
        entity as EntityName<object>,
        { [first]: { $in: rows.map(row => row[first]) } },
        { fields: [key.name, first] as never, ...within },
      )) as unknown as Data[];
      const keys = new Map(found.map(row => [row[first], row[key.name]]));
      for (const row of rows) {
        const id = keys.get(row[first]);
        const whole = { ...theirRow(meta, row), [key.fieldNames[0]!]: id };
        const late = Object.fromEntries(
          columns.map(column => [writerOf(meta, column), filledWith(table.fill[column]!, whole)]),
        );
        await super.nativeUpdate<object>(entity as EntityName<object>, { [key.name]: id }, late, within);
      }
    }
  }
  return Mapped;
}

/** An entity whose table is another application's. */
interface Mapping {
  readonly meta: EntityMetadata;
  readonly table: MappedTable;
}

/** Returns the row of an INSERT, and the columns that are filled after it. */
function inserted(mapped: Mapping, data: Data): { readonly row: Data; readonly late: readonly string[] } {
  const { meta, table } = mapped;
  const row = { ...written(mapped, data) };
  const theirs = theirRow(meta, row);
  const missing = Object.keys(table.fill).filter(column => theirs[column] === undefined);
  const key = meta.getPrimaryProp();
  // A key that is not a number of the database's is known before.
  const late =
    theirs[key.fieldNames[0]!] === undefined ? lateColumns(table, key).filter(column => missing.includes(column)) : [];
  for (const column of missing) {
    // A value that no row has, until the key is known: the column may be unique.
    const value = late.includes(column) ? randomUUID().slice(0, 18) : filledWith(table.fill[column]!, theirs);
    row[writerOf(meta, column)] = value;
  }
  return { row, late };
}

/** Returns data with their columns instead of derived ones. Errors: NotWritable. */
function written({ meta, table }: Mapping, data: Data): Data {
  requireWritable(table);
  const row: Record<string, unknown> = {};
  const derived: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(data)) {
    const property = meta.properties[name as never] as EntityProperty | undefined;
    if (property && !isBehind(property) && table.propertyOf(name).kind === 'derived')
      derived[name] = property.runtimeType === 'Date' ? dateIn(value) : value;
    else row[name] = value;
  }
  for (const [column, value] of Object.entries(writtenRow(table, derived)))
    row[writerOf(meta, column)] = value instanceof Date ? textOfMoment(value) : value;
  // Where their column cannot be empty, it gets what an INSERT fills it with.
  for (const [column, how] of Object.entries(table.fill)) {
    const writer = writerOf(meta, column);
    if (writer in row && row[writer] === null) row[writer] = filledWith(how, theirRow(meta, row));
  }
  return row;
}

/** Makes a query builder refuse to write. */
function withoutWrites<Builder extends object>(builder: Builder, table: MappedTable): Builder {
  const refuse = (): never => {
    requireWritable(table);
    throw new NotWritable(
      `The rows of ${table.table} cannot be written all at once, because they belong to another application's table.`,
    );
  };
  return Object.assign(builder, { insert: refuse, update: refuse, delete: refuse, truncate: refuse });
}

function requireWritable({ isReadOnly, table }: MappedTable): void {
  if (isReadOnly)
    throw new NotWritable(
      `The rows of ${table} belong to another application, by the map of this database. Change them there.`,
    );
}

function lateColumns({ fill }: MappedTable, key: EntityProperty): string[] {
  return Object.keys(fill).filter(column => needsKey(fill[column]!, key.fieldNames[0]!));
}

/** Returns what is written, by the columns. */
function theirRow(meta: EntityMetadata, row: Data): Data {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      (meta.properties[name as never] as EntityProperty | undefined)?.fieldNames[0] ?? name,
      value,
    ]),
  );
}

function dateIn(value: unknown): Date | null {
  if (value === null || value === undefined) return null;
  return value instanceof Date ? value : dateOf(value as StoredMoment);
}

/** Returns a moment in UTC, in the form that all databases read. */
function textOfMoment(moment: Date): string {
  return moment.toISOString().replace('T', ' ').replace('Z', '');
}
