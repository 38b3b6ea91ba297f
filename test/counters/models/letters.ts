import type { Opt, Ref } from '@mikro-orm/core';
import {
  AfterCreate,
  AfterUpdate,
  BeforeCreate,
  BeforeDelete,
  BeforeUpdate,
  Entity,
  Enum,
  ManyToOne,
  PrimaryKey,
  Property,
} from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

export enum Postage {
  PAID = 'paid',
  FREE = 'free',
}

/** The target of letters, with hooks of its own. */
@Entity({ tableName: 'box' })
export class Box {
  static hooks: Partial<Record<'beforeCreate' | 'beforeUpdate', (box: Box) => void>> = {};

  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  name: Opt<string> = '';

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly letterCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly freeCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly binnedCount: Opt<number> = 0;

  @BeforeCreate()
  beforeCreate(): void {
    Box.hooks.beforeCreate?.(this);
  }

  @BeforeUpdate()
  beforeUpdate(): void {
    Box.hooks.beforeUpdate?.(this);
  }
}

/**
 * A counted row with every hook, each of which does what a test tells it to, and a default that only the database
 * knows.
 */
@Entity({ tableName: 'letter' })
export class Letter {
  static hooks: Partial<
    Record<'beforeCreate' | 'afterCreate' | 'beforeUpdate' | 'afterUpdate' | 'beforeDelete', (letter: Letter) => void>
  > = {};

  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'string', default: '' })
  text: Opt<string> = '';

  @ManyToOne(() => Box, { ref: true, nullable: true, deleteRule: 'restrict', updateRule: 'restrict' })
  box?: Ref<Box> | null;

  @Enum({ items: () => Postage, defaultRaw: "'free'" })
  postage!: Opt<Postage>;

  @Property({ type: 'boolean', default: false })
  binned: Opt<boolean> = false;

  @BeforeCreate()
  beforeCreate(): void {
    Letter.hooks.beforeCreate?.(this);
  }

  @AfterCreate()
  afterCreate(): void {
    Letter.hooks.afterCreate?.(this);
  }

  @BeforeUpdate()
  beforeUpdate(): void {
    Letter.hooks.beforeUpdate?.(this);
  }

  @AfterUpdate()
  afterUpdate(): void {
    Letter.hooks.afterUpdate?.(this);
  }

  @BeforeDelete()
  beforeDelete(): void {
    Letter.hooks.beforeDelete?.(this);
  }
}

/** Boxes and letters. */
export const letters: SchemaOptions = {
  entities: [Box, Letter],
  counters: [
    defineCounter({ counted: Letter, by: 'box', into: 'letterCount' }),
    defineCounter({ counted: Letter, by: 'box', into: 'freeCount', where: { postage: Postage.FREE } }),
    defineCounter({ counted: Letter, by: 'box', into: 'binnedCount', where: { binned: true } }),
  ],
};

/** Asserts that every box's counts are exact. */
export function expectExactLetters(schema: Schema): Promise<void> {
  const table = { target: 'box', counted: 'letter', by: { id: 'box_id' } };
  return expectExact(
    schema,
    { ...table, column: 'letter_count' },
    { ...table, column: 'free_count', where: "c.postage = 'free'" },
    { ...table, column: 'binned_count', where: 'c.binned' },
  );
}

/** Adds boxes without letters and returns their ids, ascending. */
export async function addBoxes(schema: Schema, amount: number): Promise<number[]> {
  const em = schema.em();
  const boxes = Array.from({ length: amount }, () => em.create(Box, {}));
  await em.flush();
  return boxes.map(({ id }) => id);
}

/** Adds one letter, without any hook, and returns its id. */
export async function addLetter(
  schema: Schema,
  box: number | null,
  values: { postage?: Postage; binned?: boolean } = {},
): Promise<number> {
  const hooks = Letter.hooks;
  Letter.hooks = {};
  const em = schema.em();
  const letter = em.create(Letter, { box, ...values });
  await em.flush();
  Letter.hooks = hooks;
  return letter.id;
}

/** Returns the three stored counts of a box by raw SQL. */
export async function boxCounts(schema: Schema, id: number): Promise<number[]> {
  const [row] = await schema.rows('select letter_count, free_count, binned_count from box where id = ?', [id]);
  return Object.values(row!).map(Number);
}
