import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const rules = { deleteRule: 'restrict', updateRule: 'restrict' } as const;

/** A target that has types itself, and counts animals of each type. */
@Entity({ tableName: 'keeper', discriminatorColumn: 'role', discriminatorValue: 'keeper' })
export class Keeper {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly animalCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly dogCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly puppyCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly loudCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly lovedCount: Opt<number> = 0;

  @OneToMany(() => Dog, dog => dog.keeper)
  dogs = new Collection<Dog>(this);
}

/** A target of a type of its own. */
@Entity({ discriminatorValue: 'lover' })
export class Lover extends Keeper {}

/** A row of any type, without a class of which there are entities. */
@Entity({ tableName: 'animal', discriminatorColumn: 'kind', abstract: true })
export abstract class Animal {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';

  @ManyToOne(() => Keeper, { ref: true, nullable: true, ...rules })
  keeper?: Ref<Keeper> | null;
}

/** A row of one type, which has types itself. */
@Entity({ discriminatorValue: 'dog' })
export class Dog extends Animal {
  @Property({ type: 'boolean', nullable: true })
  loud?: boolean | null;

  @ManyToOne(() => Lover, { ref: true, nullable: true, ...rules })
  lover?: Ref<Lover> | null;
}

/** A row of a type of that type. */
@Entity({ discriminatorValue: 'puppy' })
export class Puppy extends Dog {}

/** A row of another type in the same table. */
@Entity({ discriminatorValue: 'cat' })
export class Cat extends Animal {
  // It has a column of dogs.
  @ManyToOne(() => Keeper, { ref: true, nullable: true, joinColumn: 'lover_id', ...rules })
  host?: Ref<Keeper> | null;
}

/** Rows of several types in one table. */
export const animals: SchemaOptions = {
  entities: [Keeper, Lover, Animal, Dog, Puppy, Cat],
  counters: [
    defineCounter({ counted: Animal, by: 'keeper', into: 'animalCount' }),
    defineCounter({ counted: Dog, by: 'keeper', into: 'dogCount' }),
    defineCounter({ counted: Puppy, by: 'keeper', into: 'puppyCount' }),
    defineCounter({ counted: Dog, by: 'keeper', into: 'loudCount', where: { loud: true } }),
    defineCounter({ counted: Dog, by: 'lover', into: 'lovedCount' }),
  ],
};

/** Asserts that every count is exact. */
export function expectExactAnimals(schema: Schema): Promise<void> {
  const counts = { target: 'keeper', counted: 'animal', by: { id: 'keeper_id' } };
  const dogs = "c.kind in ('dog', 'puppy')";
  return expectExact(
    schema,
    { ...counts, column: 'animal_count' },
    { ...counts, column: 'dog_count', where: dogs },
    { ...counts, column: 'puppy_count', where: "c.kind = 'puppy'" },
    { ...counts, column: 'loud_count', where: `c.loud and ${dogs}` },
    { ...counts, column: 'loved_count', by: { id: 'lover_id' }, where: dogs },
  );
}
