import { PrimaryKeyProp, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, Enum, ManyToOne, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

const rules = { deleteRule: 'restrict', updateRule: 'restrict' } as const;

/** Owns posts and all that belongs to them. */
@Entity({ tableName: 'tenant' })
export class Tenant {
  @PrimaryKey({ type: 'integer' })
  id!: number;
}

/** A target whose key is that of its tenant and a number of its own. */
@Entity({ tableName: 'post' })
export class Post {
  [PrimaryKeyProp]?: ['tenant', 'number'];

  @ManyToOne(() => Tenant, { ref: true, primary: true, ...rules })
  tenant!: Ref<Tenant>;

  @PrimaryKey({ type: 'integer' })
  number!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly commentCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly noteCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly ownNoteCount: Opt<number> = 0;
}

/** A counted row whose foreign keys share a column. */
@Entity({ tableName: 'comment' })
export class Comment {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Tenant, { ref: true, ...rules })
  tenant!: Ref<Tenant>;

  @ManyToOne(() => Post, { ref: true, nullable: true, joinColumns: ['tenant_id', 'post_number'], ...rules })
  post?: Ref<Post> | null;
}

/** A counted row whose foreign key shares a column with a plain number, by which a condition also chooses. */
@Entity({ tableName: 'note' })
export class Note {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Post, { ref: true, nullable: true, joinColumns: ['tenant_id', 'post_number'], ...rules })
  post?: Ref<Post> | null;

  // Behind the relation: MikroORM writes a shared column of several new rows by the first property.
  @Property({ type: 'integer', unsigned: true })
  tenantId!: number;
}

/** The states of a task. */
export enum TaskState {
  OPEN = 'open',
  DONE = 'done',
}

/** The target of tasks. */
@Entity({ tableName: 'board' })
export class Board {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly taskCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly openCount: Opt<number> = 0;
}

/** A counted row that maps its foreign key and the column of its condition twice each. */
@Entity({ tableName: 'task' })
export class Task {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Board, { ref: true, nullable: true, ...rules })
  board?: Ref<Board> | null;

  @Property({ type: 'integer', unsigned: true, nullable: true, fieldName: 'board_id' })
  boardId?: number | null;

  @Enum({ items: () => TaskState, nullable: true })
  state?: TaskState | null;

  @Property({ type: 'string', nullable: true, fieldName: 'state' })
  stateText?: string | null;
}

/** Rows whose properties share columns. */
export const tenants: SchemaOptions = {
  entities: [Tenant, Post, Comment, Note, Board, Task],
  counters: [
    defineCounter({ counted: Comment, by: 'post', into: 'commentCount' }),
    defineCounter({ counted: Note, by: 'post', into: 'noteCount' }),
    defineCounter({ counted: Note, by: 'post', into: 'ownNoteCount', where: { tenantId: 1 } }),
    defineCounter({ counted: Task, by: 'board', into: 'taskCount' }),
    defineCounter({ counted: Task, by: 'board', into: 'openCount', where: { state: TaskState.OPEN } }),
  ],
  options: { discovery: { checkDuplicateFieldNames: false } },
};

/** Asserts that every count is exact. */
export function expectExactTenants(schema: Schema): Promise<void> {
  const post = { target: 'post', by: { tenant_id: 'tenant_id', number: 'post_number' } };
  const board = { target: 'board', counted: 'task', by: { id: 'board_id' } };
  return expectExact(
    schema,
    { ...post, column: 'comment_count', counted: 'comment' },
    { ...post, column: 'note_count', counted: 'note' },
    { ...post, column: 'own_note_count', counted: 'note', where: 'c.tenant_id = 1' },
    { ...board, column: 'task_count' },
    { ...board, column: 'open_count', where: "c.state = 'open'" },
  );
}
