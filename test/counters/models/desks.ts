import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** The target of clerks. */
@Entity({ tableName: 'desk' })
export class Desk {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @OneToMany(() => Clerk, clerk => clerk.desk)
  clerks = new Collection<Clerk>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly clerkCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly chiefCount: Opt<number> = 0;
}

/** A counted row with a unique foreign key and a unique standing, whose changes MikroORM sends in two steps. */
@Entity({ tableName: 'clerk' })
export class Clerk {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Desk, { ref: true, nullable: true, unique: true, deleteRule: 'restrict', updateRule: 'restrict' })
  desk?: Ref<Desk> | null;

  @Property({ type: 'integer', nullable: true, unique: true })
  standing?: number | null;
}

/** Desks with their clerks. */
export const desks: SchemaOptions = {
  entities: [Desk, Clerk],
  counters: [
    defineCounter({ counted: Clerk, by: 'desk', into: 'clerkCount' }),
    defineCounter({ counted: Clerk, by: 'desk', into: 'chiefCount', where: { standing: 1 } }),
  ],
};

/** Asserts that every desk's counts are exact. */
export function expectExactDesks(schema: Schema): Promise<void> {
  const table = { target: 'desk', counted: 'clerk', by: { id: 'desk_id' } };
  return expectExact(
    schema,
    { ...table, column: 'clerk_count' },
    { ...table, column: 'chief_count', where: 'c.standing = 1' },
  );
}
