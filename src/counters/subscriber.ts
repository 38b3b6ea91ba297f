import type { EventSubscriber, FlushEventArgs, MetadataStorage, Transaction, TransactionEventArgs, UnitOfWork } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Counter } from './define-counter.js';
import { CounterError } from './errors.js';
import { FlushPlan } from './flush-plan.js';
import { CounterRegistry } from './registry.js';

/** Holds what is planned for a unit of work's present flush; `implicit`: MikroORM opens the transaction itself. */
interface Planned {
  readonly plan: FlushPlan;
  readonly transaction: Transaction;
  readonly implicit: boolean;
}

/**
 * Keeps the declared counters at every flush, in the flush's own transaction.
 *
 * MikroORM fires onFlush before the transaction that a flush opens by itself, and inside an explicit one. So the work
 * is done at the first moment that is inside: onFlush where a transaction is open, else afterTransactionStart; and is
 * settled at the last one: afterFlush, else beforeTransactionCommit.
 */
export class CounterSubscriber implements EventSubscriber {
  readonly #registries = new WeakMap<MetadataStorage, CounterRegistry>();
  readonly #waiting = new WeakSet<UnitOfWork>();
  readonly #planned = new WeakMap<UnitOfWork, Planned>();

  constructor(readonly counters: readonly Counter[]) {}

  /** Gives the counters resolved against an ORM's entities; errors: COUNTER_DECLARATION. */
  registry(metadata: MetadataStorage): CounterRegistry {
    const registry = this.#registries.get(metadata) ?? new CounterRegistry(this.counters, metadata);
    this.#registries.set(metadata, registry);
    return registry;
  }

  async onFlush({ em, uow }: FlushEventArgs): Promise<void> {
    this.#planned.delete(uow);
    this.#waiting.delete(uow);
    if (uow.getChangeSets().length === 0 && uow.getCollectionUpdates().length === 0) return;
    if (em.isInTransaction()) return this.#prepare(em as SqlEntityManager, uow, em.getTransactionContext()!, false);
    if (!em.config.get('implicitTransactions')) {
      throw new CounterError('COUNTER_TRANSACTION', 'A flush without a transaction cannot keep counters: enable implicitTransactions or use em.transactional().');
    }
    this.#waiting.add(uow);
  }

  async afterTransactionStart({ em, uow, transaction }: TransactionEventArgs): Promise<void> {
    if (!uow || !transaction || !this.#waiting.delete(uow) || uow.getChangeSets().length === 0) return;
    try {
      await this.#prepare(em as SqlEntityManager, uow, transaction, true);
    } catch (error) {
      // MikroORM does not roll back a transaction whose start event fails; the connection would never come back.
      await transaction.rollback().execute();
      throw error;
    }
  }

  async beforeTransactionCommit({ uow, transaction }: TransactionEventArgs): Promise<void> {
    const planned = uow && this.#planned.get(uow);
    if (planned?.implicit && planned.transaction === transaction) await planned.plan.settle(transaction);
  }

  async afterFlush({ uow }: FlushEventArgs): Promise<void> {
    const planned = this.#planned.get(uow);
    if (!planned) return;
    this.#planned.delete(uow);
    if (!planned.implicit) await planned.plan.settle(planned.transaction);
    planned.plan.refresh();
  }

  async #prepare(em: SqlEntityManager, uow: UnitOfWork, transaction: Transaction, implicit: boolean): Promise<void> {
    const plan = new FlushPlan(this.registry(em.getMetadata()), em, uow);
    await plan.prepare(transaction);
    this.#planned.set(uow, { plan, transaction, implicit });
  }
}

/** Gives the counters that an entity manager keeps; undefined without a subscriber. */
export function registryOf(em: SqlEntityManager): CounterRegistry | undefined {
  const subscriber = [...em.config.get('subscribers')].find(one => one instanceof CounterSubscriber);
  return subscriber?.registry(em.getMetadata());
}
