import { EventType, type EventSubscriber, type Opt, type Ref, type Transaction } from '@mikro-orm/core';
import {
  AfterCreate,
  AfterDelete,
  AfterUpdate,
  BeforeCreate,
  BeforeDelete,
  BeforeUpdate,
  Entity,
  ManyToOne,
  PrimaryKey,
  Property,
} from '@mikro-orm/decorators/legacy';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { defineCounter } from 'mikro-orm-counters';
import { expectExact } from '../../support/exact-counts.js';
import type { Schema, SchemaOptions } from '../../support/schema.js';

/** What a hook is given. */
interface HookArguments {
  readonly em: SqlEntityManager;
  readonly transaction?: Transaction;
}

/** The function that each hook of bells calls once, by the hook's name, while it is set. */
export const rung = new Map<string, (em: SqlEntityManager) => unknown>();

/** True while a function is called for which a flush waits: what it flushes itself has hooks too, and calls no other. */
let waiting = false;

/** Calls the function of a hook. */
async function ring(name: string, given: HookArguments): Promise<void> {
  if (waiting || !rung.has(name)) return;
  waiting = true;
  await call(name, given);
  waiting = false;
}

/** Calls the function of a hook with an entity manager of its own, in the transaction that is open. */
async function call(name: string, { em, transaction }: HookArguments): Promise<void> {
  const work = rung.get(name);
  rung.delete(name);
  const open = name.startsWith('afterTransactionCommit') ? undefined : (transaction ?? em.getTransactionContext());
  const own = em.fork();
  if (open) own.setTransactionContext(open);
  await work?.(own);
}

/** Starts what a hook does that cannot wait. */
function start(name: string, em: unknown): void {
  void call(name, { em: em as SqlEntityManager });
}

/** The target of bells. */
@Entity({ tableName: 'tower' })
export class Tower {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly bellCount: Opt<number> = 0;
}

/** A counted row that does something in each of its hooks. */
@Entity({ tableName: 'bell' })
export class Bell {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Tower, { ref: true, deleteRule: 'restrict', updateRule: 'restrict' })
  tower!: Ref<Tower>;

  @Property({ type: 'integer' })
  note: Opt<number> = 0;

  @Property({ type: 'integer', onCreate: (_, em) => (start('the onCreate of a property', em), 1) })
  made?: Opt<number>;

  @Property({ type: 'integer', onUpdate: (_, em) => (start('the onUpdate of a property', em), 2), default: 0 })
  changed?: Opt<number>;

  @BeforeCreate()
  beforeCreate(given: unknown): Promise<void> {
    return ring('beforeCreate of the entity', given as HookArguments);
  }

  @AfterCreate()
  afterCreate(given: unknown): Promise<void> {
    return ring('afterCreate of the entity', given as HookArguments);
  }

  @BeforeUpdate()
  beforeUpdate(given: unknown): Promise<void> {
    return ring('beforeUpdate of the entity', given as HookArguments);
  }

  @AfterUpdate()
  afterUpdate(given: unknown): Promise<void> {
    return ring('afterUpdate of the entity', given as HookArguments);
  }

  @BeforeDelete()
  beforeDelete(given: unknown): Promise<void> {
    return ring('beforeDelete of the entity', given as HookArguments);
  }

  @AfterDelete()
  afterDelete(given: unknown): Promise<void> {
    return ring('afterDelete of the entity', given as HookArguments);
  }
}

/** The events of a subscriber that a flush fires. Before the start of a transaction, SQLite answers nobody. */
const events = Object.values(EventType).filter(
  event => !/Upsert|Rollback|onInit|onLoad|beforeTransactionStart/.test(event),
);

/** A subscriber to all of those events. */
const bellRinger = Object.fromEntries(
  events.map(event => [event, (given: HookArguments) => ring(`${event} of a subscriber`, given)]),
) as EventSubscriber;

/** The names of all hooks of bells, in which a test can do something for which the flush waits. */
export const hooksOfBells: readonly string[] = [
  ...events.filter(event => /Create|Update|Delete/.test(event)).map(event => `${event} of the entity`),
  ...events.map(event => `${event} of a subscriber`),
];

/** The functions that give properties their values, for which a flush does not wait. */
export const functionsOfBells: readonly string[] = ['the onCreate of a property', 'the onUpdate of a property'];

/** Towers and bells. */
export const bells: SchemaOptions = {
  entities: [Tower, Bell],
  counters: [defineCounter({ counted: Bell, by: 'tower', into: 'bellCount' })],
  options: { subscribers: [bellRinger] },
};

/** Asserts that every tower's count is exact. */
export function expectExactBells(schema: Schema): Promise<void> {
  return expectExact(schema, {
    target: 'tower',
    column: 'bell_count',
    counted: 'bell',
    by: { id: 'tower_id' },
  });
}

/** Flushes new, changed and removed bells, so that every hook is called. */
export async function ringAll(em: SqlEntityManager): Promise<void> {
  const tower = em.create(Tower, {});
  const [changed, removed] = [em.create(Bell, { tower }), em.create(Bell, { tower })];
  await em.flush();
  changed.note = 1;
  em.remove(removed);
  em.create(Bell, { tower });
  await em.flush();
}
