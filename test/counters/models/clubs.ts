import { Collection, PrimaryKeyProp, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToMany, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** The target of a counted pivot table, with its people as the inverse side. */
@Entity({ tableName: 'club' })
export class Club {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';

  @ManyToMany({ entity: () => Person, mappedBy: 'clubs' })
  people = new Collection<Person>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly memberCount: Opt<number> = 0;
}

/** Owns the collection that the pivot table is for. */
@Entity({ tableName: 'person' })
export class Person {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';

  @ManyToMany({ entity: () => Club, pivotEntity: () => Membership, inversedBy: 'people' })
  clubs = new Collection<Club>(this);
}

/** A counted row of a pivot table. */
@Entity({ tableName: 'membership' })
export class Membership {
  [PrimaryKeyProp]?: ['person', 'club'];

  @ManyToOne(() => Person, { ref: true, primary: true, deleteRule: 'restrict', updateRule: 'restrict' })
  person!: Ref<Person>;

  @ManyToOne(() => Club, { ref: true, primary: true, deleteRule: 'restrict', updateRule: 'restrict' })
  club!: Ref<Club>;
}

/** The target and owner of a counted pivot table in one. */
@Entity({ tableName: 'walker' })
export class Walker {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToMany({ entity: () => Walker, pivotEntity: () => Friendship })
  friends = new Collection<Walker>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly friendCount: Opt<number> = 0;
}

/** A counted row of a pivot table of one entity with itself. */
@Entity({ tableName: 'friendship' })
class Friendship {
  [PrimaryKeyProp]?: ['one', 'other'];

  @ManyToOne(() => Walker, { ref: true, primary: true, deleteRule: 'restrict', updateRule: 'restrict' })
  one!: Ref<Walker>;

  @ManyToOne(() => Walker, { ref: true, primary: true, deleteRule: 'restrict', updateRule: 'restrict' })
  other!: Ref<Walker>;
}

/** Clubs with their members. */
export const clubs: SchemaOptions = {
  entities: [Club, Person, Membership],
  counters: [defineCounter({ counted: Membership, by: 'club', into: 'memberCount' })],
};

/** Walkers with their friends. */
export const walkers: SchemaOptions = {
  entities: [Walker, Friendship],
  counters: [defineCounter({ counted: Friendship, by: 'other', into: 'friendCount' })],
};

/** Asserts that every club's count is exact. */
export function expectExactClubs(schema: Schema): Promise<void> {
  return expectExact(schema, { target: 'club', column: 'member_count', counted: 'membership', by: { id: 'club_id' } });
}

/** Asserts that every walker's count is exact. */
export function expectExactWalkers(schema: Schema): Promise<void> {
  return expectExact(schema, {
    target: 'walker',
    column: 'friend_count',
    counted: 'friendship',
    by: { id: 'other_id' },
  });
}
