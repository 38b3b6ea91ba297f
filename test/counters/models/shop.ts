import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** A target whose collection removes orphans. */
@Entity({ tableName: 'author' })
export class Author {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @OneToMany(() => Review, review => review.author, { orphanRemoval: true })
  reviews = new Collection<Review>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly reviewCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly raveCount: Opt<number> = 0;
}

/** A target of the same counted rows in another table. */
@Entity({ tableName: 'product' })
export class Product {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly reviewCount: Opt<number> = 0;
}

/** A row that is counted three times: by its author into one table, by its product and its rival into another. */
@Entity({ tableName: 'review' })
export class Review {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', default: 5 })
  stars: Opt<number> = 5;

  @ManyToOne(() => Author, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  author?: Ref<Author> | null;

  @ManyToOne(() => Product, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  product!: Ref<Product>;
}

/** A row that is counted by two foreign keys into two columns of one table. */
@Entity({ tableName: 'fixture' })
export class Fixture {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Team, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  home!: Ref<Team>;

  @ManyToOne(() => Team, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  away!: Ref<Team>;
}

/** The target of two foreign keys of one counted table. */
@Entity({ tableName: 'team' })
export class Team {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly homeCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly awayCount: Opt<number> = 0;
}

/** Rows that are counted in several places at once. */
export const shop: SchemaOptions = {
  entities: [Author, Product, Review, Team, Fixture],
  counters: [
    defineCounter({ counted: Review, by: 'product', into: 'reviewCount' }),
    defineCounter({ counted: Review, by: 'author', into: 'reviewCount' }),
    defineCounter({ counted: Review, by: 'author', into: 'raveCount', where: { stars: 5 } }),
    defineCounter({ counted: Fixture, by: 'home', into: 'homeCount' }),
    defineCounter({ counted: Fixture, by: 'away', into: 'awayCount' }),
  ],
};

/** Asserts that every count of the shop is exact. */
export function expectExactShop(schema: Schema): Promise<void> {
  return expectExact(
    schema,
    { target: 'product', column: 'review_count', counted: 'review', by: { id: 'product_id' } },
    { target: 'author', column: 'review_count', counted: 'review', by: { id: 'author_id' } },
    { target: 'author', column: 'rave_count', counted: 'review', by: { id: 'author_id' }, where: 'c.stars = 5' },
    { target: 'team', column: 'home_count', counted: 'fixture', by: { id: 'home_id' } },
    { target: 'team', column: 'away_count', counted: 'fixture', by: { id: 'away_id' } },
  );
}
