import { randomUUID } from 'node:crypto';
import {
  BigIntType,
  BlobType,
  DecimalType,
  Type,
  Uint8ArrayType,
  type EntityClass,
  type Platform,
} from '@mikro-orm/core';
import { Entity, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import type { StoredCount } from '../../support/exact-counts.js';
import type { SchemaOptions } from '../../support/schema.js';

/** Returns the type of a column with 16 bytes. PostgreSQL has one type for bytes, which needs no length to be a key. */
function sixteenBytes(platform: Platform): string {
  const any = platform.getBlobDeclarationSQL();
  return any === 'bytea' ? any : 'binary(16)';
}

/** Stores 16 bytes as a Buffer. */
class SixteenInBuffer extends BlobType {
  override getColumnType(_property: unknown, platform: Platform): string {
    return sixteenBytes(platform);
  }
}

/** Stores 16 bytes as a Uint8Array. */
class SixteenInArray extends Uint8ArrayType {
  override getColumnType(_property: unknown, platform: Platform): string {
    return sixteenBytes(platform);
  }
}

/** Stores a UUID in 16 bytes, as many applications do. */
class BinaryUuid extends Type<string, Buffer> {
  override convertToDatabaseValue(value: string | Uint8Array): Buffer {
    return typeof value === 'string' ? Buffer.from(value.replaceAll('-', ''), 'hex') : Buffer.from(value);
  }

  override convertToJSValue(value: Uint8Array | string): string {
    if (typeof value === 'string') return value;
    return Buffer.from(value)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  override getColumnType(_property: unknown, platform: Platform): string {
    return sixteenBytes(platform);
  }
}

/** Stores a number as a text with a letter before it. */
class Numbered extends Type<number, string> {
  override convertToDatabaseValue(value: number | string): string {
    return typeof value === 'number' ? `N${value}` : value;
  }

  override convertToJSValue(value: string | number): number {
    return typeof value === 'number' ? value : Number(value.slice(1));
  }

  override getColumnType(): string {
    return 'varchar(20)';
  }
}

/** A kind of key: the options of its columns' properties, by name, and some keys in ascending order. */
interface KindOfKey {
  readonly name: string;
  readonly columns: readonly KeyColumn[];
  readonly keys: readonly (readonly unknown[])[];
}

type KeyColumn = NonNullable<Parameters<typeof PrimaryKey>[0]>;

function kind(name: string, column: KeyColumn, keys: readonly unknown[]): KindOfKey {
  return { name, columns: [column], keys: keys.map(key => [key]) };
}

const uuids = [randomUUID(), randomUUID(), randomUUID()].toSorted();
const bytes = uuids.map(uuid => Buffer.from(uuid.replaceAll('-', ''), 'hex'));
const days = ['2024-02-28', '2024-02-29', '2024-03-01'];
const whole = days.map(day => new Date(`${day}T10:20:30Z`));
// MikroORM tells dates in its identity map apart by their seconds.
const fractions = ['30.001', '31.120', '32.999'].map(part => new Date(`2024-02-29T10:20:${part}Z`));

/** The kinds of keys. */
const kinds: readonly KindOfKey[] = [
  kind('integer', { type: 'integer', autoincrement: false, unsigned: false }, [-5, 0, 7]),
  kind('bigint_text', { type: 'bigint', autoincrement: false, unsigned: false }, [
    '-4611686018',
    '0',
    '9007199254740991',
  ]),
  kind(
    'bigint_number',
    { type: new BigIntType('number'), autoincrement: false, unsigned: false },
    [-4_611_686_018, 0, 9_007_199_254_740_991],
  ),
  kind('bigint_bigint', { type: new BigIntType('bigint'), autoincrement: false, unsigned: false }, [
    -4_611_686_018n,
    0n,
    9_007_199_254_740_991n,
  ]),
  kind('decimal_text', { type: 'decimal', autoincrement: false, unsigned: false, precision: 12, scale: 2 }, [
    '-2.25',
    '1.50',
    '10.00',
  ]),
  kind(
    'decimal_number',
    { type: new DecimalType('number'), autoincrement: false, unsigned: false, precision: 12, scale: 2 },
    [-2.25, 1.5, 10],
  ),
  kind('double', { type: 'double', autoincrement: false, unsigned: false }, [-0.5, 0, 1.25]),
  kind('text', { type: 'string', length: 40 }, ['', '10', '9', 'é', `it's "100%" \\ ?`]),
  kind('char', { type: 'character', length: 10 }, ['a', 'ab', 'b']),
  kind('uuid', { type: 'uuid' }, uuids),
  kind('enumeration', { type: 'enum', items: ['b', 'a', 'c'] } as KeyColumn, ['b', 'a', 'c']),
  kind('buffer', { type: SixteenInBuffer }, bytes),
  kind(
    'bytes',
    { type: SixteenInArray },
    bytes.map(one => new Uint8Array(one)),
  ),
  kind('binary_uuid', { type: BinaryUuid }, uuids),
  kind('numbered', { type: Numbered, autoincrement: false, unsigned: false }, [1, 10, 2]),
  kind('datetime', { type: 'datetime', length: 0 }, whole),
  kind('datetime_milliseconds', { type: 'datetime', length: 3 }, fractions),
  kind('datetime_microseconds', { type: 'datetime', length: 6 }, fractions),
  kind('day', { type: 'date' }, days),
  {
    name: 'mixed_plain',
    columns: [
      { type: 'string', length: 40 },
      { type: 'integer', autoincrement: false, unsigned: false },
      { type: BinaryUuid },
    ],
    keys: [
      ['a', 11, uuids[0]],
      ['a', 12, uuids[0]],
      ['a1', -1, uuids[1]],
    ],
  },
  {
    name: 'mixed',
    columns: [
      { type: BinaryUuid },
      { type: 'datetime', length: 3 },
      { type: 'integer', autoincrement: false, unsigned: false },
      { type: 'decimal', autoincrement: false, unsigned: false, precision: 12, scale: 2 },
    ],
    keys: [
      [uuids[0], fractions[0], 0, '1.50'],
      [uuids[0], fractions[1], -1, '1.50'],
      [uuids[1], fractions[0], 0, '2.00'],
    ],
  },
];

/** Entities for one kind of key: a target that has such a key, and a counted row that has one. */
export interface ModelOfKind extends KindOfKey {
  readonly Target: EntityClass<Target>;
  readonly Row: EntityClass<Row>;
  readonly Box: EntityClass<Target>;
  readonly Keyed: EntityClass<Keyed>;
  /** The names of the key's properties and columns. */
  readonly names: readonly string[];
  /** The stored counts of both targets. */
  readonly counts: readonly StoredCount[];
}

/** A target. */
export interface Target {
  readonly size: number;
}

/** A row that a target with a key of the kind counts. */
export interface Row {
  readonly id: number;
  target?: Target | null;
  marked: boolean;
}

/** A counted row whose own key is of the kind. */
export interface Keyed {
  box?: Target | null;
}

const rules = { nullable: true, deleteRule: 'restrict', updateRule: 'restrict' } as const;

/** Returns a class with a name of its own, because MikroORM tells entities apart by it. */
function named(name: string): EntityClass<object> {
  // oxlint-disable-next-line typescript/no-extraneous-class -- The properties are added by their decorators.
  return { [name]: class {} }[name]!;
}

function modelOf(kindOfKey: KindOfKey): ModelOfKind {
  const { name, columns } = kindOfKey;
  const [TargetClass, RowClass, BoxClass, KeyedClass] = ['Target', 'Row', 'Box', 'Keyed'].map(part =>
    named(`${part}_${name}`),
  ) as [EntityClass<Target>, EntityClass<Row>, EntityClass<Target>, EntityClass<Keyed>];
  const names = columns.map((_, index) => `k${index}`);
  const addKey = (entity: EntityClass<object>): void =>
    columns.forEach((column, index) => PrimaryKey(column)(entity.prototype as object, names[index]!));
  const addId = (entity: EntityClass<object>): void =>
    PrimaryKey({ type: 'integer' })(entity.prototype as object, 'id');
  const addSize = (entity: EntityClass<object>): void =>
    Property({ type: 'integer', unsigned: true, default: 0 })(entity.prototype as object, 'size');
  addKey(TargetClass);
  addSize(TargetClass);
  addId(RowClass);
  ManyToOne({ entity: () => TargetClass, ...rules })(RowClass.prototype as object, 'target');
  Property({ type: 'boolean', default: false })(RowClass.prototype as object, 'marked');
  addId(BoxClass);
  addSize(BoxClass);
  addKey(KeyedClass);
  ManyToOne({ entity: () => BoxClass, ...rules })(KeyedClass.prototype as object, 'box');
  const tables = ['target', 'row', 'box', 'keyed'].map(part => `${name}_${part}`);
  [TargetClass, RowClass, BoxClass, KeyedClass].forEach((entity, index) =>
    Entity({ tableName: tables[index]! })(entity),
  );
  return {
    ...kindOfKey,
    Target: TargetClass,
    Row: RowClass,
    Box: BoxClass,
    Keyed: KeyedClass,
    names,
    counts: [
      {
        target: tables[0]!,
        column: 'size',
        counted: tables[1]!,
        by: Object.fromEntries(names.map(one => [one, `target_${one}`])),
      },
      { target: tables[2]!, column: 'size', counted: tables[3]!, by: { id: 'box_id' } },
    ],
  };
}

/** The models of all kinds. */
export const models: readonly ModelOfKind[] = kinds.map(modelOf);

/** Tables for all kinds of keys. */
export const kindsOfKeys: SchemaOptions = {
  entities: models.flatMap(({ Target: target, Row: row, Box: box, Keyed: keyed }) => [target, row, box, keyed]),
  counters: models.flatMap(model => [
    { counted: model.Row, by: 'target', into: 'size', where: {} },
    { counted: model.Keyed, by: 'box', into: 'size', where: {} },
  ]),
};
