import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** A counted row and target in one: a category counts its children, and the hidden ones. */
@Entity({ tableName: 'category' })
export class Category {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string' })
  name!: string;

  @Property({ type: 'boolean', default: false })
  hidden: Opt<boolean> = false;

  @ManyToOne(() => Category, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  parent?: Ref<Category> | null;

  @OneToMany(() => Category, category => category.parent)
  children = new Collection<Category>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly childCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly hiddenCount: Opt<number> = 0;
}

/** A tree of categories. */
export const tree: SchemaOptions = {
  entities: [Category],
  counters: [
    defineCounter({ counted: Category, by: 'parent', into: 'childCount' }),
    defineCounter({ counted: Category, by: 'parent', into: 'hiddenCount', where: { hidden: true } }),
  ],
};

/** Asserts that every category's counts are exact. */
export function expectExactTree(schema: Schema): Promise<void> {
  const table = { target: 'category', counted: 'category', by: { id: 'parent_id' } };
  return expectExact(
    schema,
    { ...table, column: 'child_count' },
    { ...table, column: 'hidden_count', where: 'c.hidden' },
  );
}
