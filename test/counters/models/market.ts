import {
  Collection,
  PrimaryKeyProp,
  Type,
  type Opt,
  type Platform,
  type Ref,
  type TransformContext,
} from '@mikro-orm/core';
import {
  Embeddable,
  Embedded,
  Entity,
  Enum,
  Filter,
  Formula,
  ManyToMany,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryKey,
  Property,
} from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import type { SchemaOptions } from '../../support/schema.js';

/** A key that is "K-1" in memory and 1 in the database. */
class KeyType extends Type<string | null | undefined, number | null | undefined> {
  override convertToDatabaseValue(value: string | null | undefined): number | null | undefined {
    if (value === null || value === undefined) return value;
    if (typeof value !== 'string') throw new Error(`KeyType was given ${JSON.stringify(value)}.`);
    return Number(value.slice(2));
  }

  override convertToJSValue(value: number | null | undefined): string | null | undefined {
    return typeof value !== 'number' ? value : `K-${value}`;
  }

  override getColumnType(): string {
    return 'int';
  }
}

/** An amount that is 1.5 in memory and 150 in the database. */
class CentsType extends Type<number | null, number | null> {
  override convertToDatabaseValue(value: number | null): number | null {
    return value === null ? null : Math.round(value * 100);
  }

  override convertToJSValue(value: number | null): number | null {
    return value === null ? null : value / 100;
  }

  override getColumnType(): string {
    return 'int';
  }
}

/** A truth value that is Y or N in the database. */
class YesType extends Type<boolean | null, string | null> {
  override convertToDatabaseValue(value: boolean | null, _: Platform, context?: TransformContext): string | null {
    return value === null || (context?.fromQuery && typeof value === 'string') ? value : value ? 'Y' : 'N';
  }

  override convertToJSValue(value: string | null): boolean | null {
    return value === null ? null : value === 'Y';
  }

  override getColumnType(): string {
    return 'char(1)';
  }
}

/** A text that is in capital letters in memory and in small ones in the database, which converts it. */
class LettersType extends Type<string, string> {
  override convertToDatabaseValueSQL(key: string): string {
    return `lower(${key})`;
  }

  override convertToJSValueSQL(key: string): string {
    return `upper(${key})`;
  }

  override getColumnType(): string {
    return 'varchar(50)';
  }
}

export enum Kind {
  FRUIT = 'fruit',
  BREAD = 'bread',
}

/** A target with a key of a type of its own. */
@Entity({ tableName: 'stall' })
export class Stall {
  @PrimaryKey({ type: KeyType, autoincrement: false })
  id!: string;

  @Property({ type: 'string', length: 50 })
  name!: string;

  @Property({ type: 'integer' })
  tenant!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly wareCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly shownCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly breadCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly emptyCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly crateCount: Opt<number> = 0;
}

/** A target with a key of two columns. */
@Entity({ tableName: 'maker' })
export class Maker {
  [PrimaryKeyProp]?: ['country', 'number'];

  @PrimaryKey({ type: 'string', length: 2 })
  country!: string;

  @PrimaryKey({ type: 'integer', autoincrement: false })
  number!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly wareCount: Opt<number> = 0;
}

@Entity({ tableName: 'label' })
export class Label {
  @PrimaryKey({ type: 'integer', autoincrement: false })
  id!: number;

  @Property({ type: 'string', length: 50 })
  text!: string;
}

@Embeddable()
export class Size {
  @Property({ type: 'integer', nullable: true })
  width?: number | null;

  @Property({ type: CentsType, nullable: true })
  weight?: number | null;
}

@Embeddable()
export class Origin {
  @Property({ type: 'string' })
  place!: string;

  @Property({ type: 'integer', nullable: true })
  year?: number;
}

/** A counted row with a property of every kind. */
@Entity({ tableName: 'ware' })
@Filter({ name: 'tenant', cond: { tenant: 1 }, default: true })
@Filter({ name: 'cheap', cond: args => ({ stock: { $lt: args['limit'] as number } }) })
@Filter({
  name: 'kind',
  cond: (_: unknown, type: string) => ({ kind: type === 'delete' ? Kind.BREAD : Kind.FRUIT }),
  args: false,
})
@Filter({ name: 'stallName', cond: args => ({ stall: { name: args['name'] as string } }) })
export class Ware {
  @PrimaryKey({ type: KeyType, autoincrement: false })
  id!: string;

  @Property({ type: 'integer', default: 1 })
  tenant!: Opt<number>;

  @ManyToOne(() => Stall, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  stall?: Ref<Stall> | null;

  @ManyToOne(() => Maker, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  maker?: Ref<Maker> | null;

  @OneToOne(() => Label, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  label?: Ref<Label> | null;

  @ManyToMany({ entity: () => Label, pivotTable: 'ware_labels' })
  labels = new Collection<Label>(this);

  @OneToMany(() => Note, note => note.ware)
  notes = new Collection<Note>(this);

  @Property({ type: 'boolean', default: false })
  shown: Opt<boolean> = false;

  @Enum({ items: () => Kind, default: Kind.FRUIT })
  kind: Opt<Kind> = Kind.FRUIT;

  @Property({ type: 'integer', nullable: true })
  stock?: number | null;

  @Property({ type: CentsType, nullable: true })
  price?: number | null;

  @Property({ type: YesType, nullable: true })
  fresh?: boolean | null;

  @Property({ type: LettersType, nullable: true })
  code?: string | null;

  @Property({ type: 'string', nullable: true, fieldName: 'title' })
  name?: string | null;

  @Property({ type: 'text', nullable: true })
  text?: string | null;

  @Property({ type: 'character', length: 3, nullable: true })
  mark?: string | null;

  @Property({ type: 'smallint', nullable: true })
  small?: number | null;

  @Property({ type: 'tinyint', nullable: true })
  tiny?: number | null;

  @Property({ type: 'mediumint', nullable: true })
  medium?: number | null;

  @Property({ type: 'bigint', nullable: true })
  big?: string | null;

  @Property({ type: 'decimal', precision: 10, scale: 2, nullable: true })
  decimal?: string | null;

  @Property({ type: 'float', nullable: true })
  float?: number | null;

  @Property({ type: 'double', nullable: true })
  double?: number | null;

  @Property({ type: 'date', nullable: true })
  day?: string | null;

  @Property({ type: 'time', nullable: true })
  hour?: string | null;

  @Property({ type: 'datetime', length: 3, nullable: true })
  at?: Date | null;

  @Property({ type: 'uuid', nullable: true })
  uuid?: string | null;

  @Property({ type: 'blob', nullable: true })
  blob?: Buffer | null;

  @Property({ type: 'uint8array', nullable: true })
  bytes?: Uint8Array | null;

  @Property({ type: 'array', nullable: true })
  words?: string[] | null;

  @Enum({ items: () => Kind, array: true, nullable: true })
  kinds?: Kind[] | null;

  @Property({ type: 'json', nullable: true })
  data?: Record<string, unknown> | null;

  @Embedded(() => Size, { nullable: true })
  size?: Size | null;

  @Embedded(() => Origin, { object: true, nullable: true })
  origin?: Origin | null;

  @Embedded(() => Origin, { array: true, nullable: true })
  origins?: Origin[] | null;

  @Property({ type: 'integer', version: true })
  version!: Opt<number>;

  @Property({ type: 'integer', generated: () => '(tenant * 2) stored' })
  readonly double2?: number;

  @Formula(columns => `${String(columns.tenant)} + 1`, { type: 'integer' })
  readonly next?: number;

  @Property({ type: 'integer', persist: false })
  readonly memory?: number;
}

/** A row of a ware's collection. */
@Entity({ tableName: 'note' })
export class Note {
  @PrimaryKey({ type: 'integer', autoincrement: false })
  id!: number;

  @ManyToOne(() => Ware, { deleteRule: 'cascade' })
  ware!: Ware;

  @Property({ type: 'string', length: 50 })
  text!: string;
}

/** A counted row with a plain key and a many-to-many collection, whose rows MikroORM writes by unconverted keys. */
@Entity({ tableName: 'crate' })
export class Crate {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Stall, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  stall?: Ref<Stall> | null;

  @ManyToMany({ entity: () => Label, pivotTable: 'crate_labels' })
  labels = new Collection<Label>(this);
}

/** Stalls, and wares and crates. */
export const market: SchemaOptions = {
  entities: [Stall, Maker, Label, Ware, Note, Crate],
  counters: [
    defineCounter({ counted: Ware, by: 'stall', into: 'wareCount' }),
    defineCounter({ counted: Ware, by: 'stall', into: 'shownCount', where: { shown: true } }),
    defineCounter({ counted: Ware, by: 'stall', into: 'breadCount', where: { kind: Kind.BREAD } }),
    defineCounter({ counted: Ware, by: 'stall', into: 'emptyCount', where: { stock: [0, null] } }),
    defineCounter({ counted: Ware, by: 'maker', into: 'wareCount' }),
    defineCounter({ counted: Crate, by: 'stall', into: 'crateCount' }),
  ],
};
