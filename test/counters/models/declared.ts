import { Cascade, raw, Type, type EntityClass, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, Enum, Formula, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';

/** An enumeration of one value. */
export enum Shade {
  LIGHT = 'light',
}

/** Stores a boolean as a letter, as old databases do. */
class YesNo extends Type<boolean, string> {
  override convertToDatabaseValue(value: boolean): string {
    return value ? 'Y' : 'N';
  }

  override convertToJSValue(value: string): boolean {
    return value === 'Y';
  }

  override getColumnType(): string {
    return 'char(1)';
  }

  override get runtimeType(): string {
    return 'boolean';
  }
}

/** A target with one valid column and many that cannot store a count. */
@Entity({ tableName: 'parent' })
export class Parent {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';

  @Property({ type: 'integer', default: 0 })
  readonly amount: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly other: Opt<number> = 0;

  @Property({ type: 'integer' })
  readonly undefaulted!: number;

  @Property({ type: 'integer', defaultRaw: '(0)' })
  readonly zero!: Opt<number>;

  @Property({ type: 'integer', default: 5 })
  readonly five: Opt<number> = 5;

  @Property({ type: 'integer', defaultRaw: '(1 + 1)' })
  readonly two!: Opt<number>;

  @Property({ type: 'integer', default: raw('abs(-3)') })
  readonly three!: Opt<number>;

  @Property({ type: 'integer', onCreate: () => 4 })
  readonly made!: Opt<number>;

  @Property({ type: 'integer', default: 0, onUpdate: () => 6 })
  readonly remade: Opt<number> = 0;

  @Property({ type: 'integer', default: 0 })
  readonly shared: Opt<number> = 0;

  @Property({ type: 'integer', default: 0, fieldName: 'shared' })
  sharing: Opt<number> = 0;

  @Property({ type: 'integer', nullable: true })
  readonly maybe?: number | null;

  @Property({ type: 'integer', persist: false })
  readonly transient?: number;

  @Formula('1 + 1')
  readonly computed?: number;

  @Property({ type: 'integer', version: true })
  readonly version!: Opt<number>;
}

/** A counted row with one valid foreign key and many properties that cannot be conditions. */
@Entity({ tableName: 'child' })
export class Child {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Parent, { ref: true, deleteRule: 'restrict' })
  parent!: Ref<Parent>;

  @ManyToOne(() => Parent, { ref: true, persist: false, joinColumn: 'parent_id' })
  shadow?: Ref<Parent>;

  @Property({ type: 'string' })
  text!: string;

  @Property({ type: 'datetime' })
  time!: Date;

  @Enum({ items: () => Shade })
  shade!: Shade;

  @Property({ type: YesNo })
  yes!: boolean;

  @Property({ type: 'boolean', persist: false })
  transient?: boolean;

  @Property({ type: 'integer', generated: '(id * 2) stored' })
  readonly doubled?: number;
}

/** A row that the database removes together with its target. */
@Entity({ tableName: 'cascading' })
export class Cascading {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Parent, { ref: true, deleteRule: 'cascade' })
  parent!: Ref<Parent>;
}

/** A row that the database removes together with another row than its target. */
@Entity({ tableName: 'elsewhere' })
export class ElsewhereCascading {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Parent, { ref: true, deleteRule: 'restrict' })
  parent!: Ref<Parent>;

  @ManyToOne(() => Child, { ref: true, deleteRule: 'cascade' })
  child!: Ref<Child>;
}

/** A row with MikroORM's delete rule for nullable foreign keys. */
@Entity({ tableName: 'implied_null' })
export class ImpliedNull {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Parent, { ref: true, nullable: true })
  parent?: Ref<Parent> | null;
}

/** A row with MikroORM's delete rule for foreign keys within a key. */
@Entity({ tableName: 'implied_cascade' })
export class ImpliedCascade {
  @ManyToOne(() => Parent, { ref: true, primary: true })
  parent!: Ref<Parent>;

  @ManyToOne(() => Child, { ref: true, primary: true })
  child!: Ref<Child>;
}

/** Removes its target through the entity manager, which hooks see. */
@Entity({ tableName: 'removing' })
class Removing {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Parent, { ref: true, deleteRule: 'restrict', cascade: [Cascade.ALL] })
  parent!: Ref<Parent>;
}

/** The entities of all declarations, valid and invalid. */
export const entities: EntityClass<object>[] = [
  Parent,
  Child,
  Cascading,
  ElsewhereCascading,
  ImpliedNull,
  ImpliedCascade,
  Removing,
];
