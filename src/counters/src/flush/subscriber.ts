import type {
  EventArgs,
  EventSubscriber,
  FlushEventArgs,
  Transaction,
  TransactionEventArgs,
  UnitOfWork,
} from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { hideValues } from '../counts/shown-values.js';
import { DeclaredCounters } from '../declarations/registry.js';
import { CounterError } from '../errors.js';
import { opensTransactions, requireCounting } from '../guards/counting-entity-manager.js';
import { FlushPlan } from './flush-plan.js';

/** The plan of a unit of work's present flush. `implicit`: MikroORM opens the transaction itself. */
interface Planned {
  readonly plan: FlushPlan;
  readonly transaction: Transaction;
  readonly implicit: boolean;
}

/**
 * The subscriber that keeps the declared counters at every flush, in the flush's own transaction.
 *
 * MikroORM fires onFlush before the transaction that a flush opens by itself, and inside an explicit one. So the work is
 * done at the first event inside: onFlush where a transaction is open, afterTransactionStart otherwise. It is settled at
 * the last one: afterFlush, or beforeTransactionCommit.
 */
export class CounterSubscriber extends DeclaredCounters implements EventSubscriber {
  readonly #waiting = new WeakSet<UnitOfWork>();
  readonly #planned = new WeakMap<UnitOfWork, Planned>();
  readonly #unsettled = new WeakMap<object, Set<FlushPlan>>();
  /** The savepoints that were begun inside each transaction or savepoint. */
  readonly #savepoints = new WeakMap<object, Set<Transaction>>();
  /** The transaction around the savepoint that a unit of work is about to begin. */
  readonly #around = new WeakMap<UnitOfWork>();

  /** Only where counters touch something: MikroORM compares each entity before and after such an event. */
  declare readonly beforeUpdate?: (event: EventArgs<object>) => Promise<void>;

  constructor(...[counters, strategy]: ConstructorParameters<typeof DeclaredCounters>) {
    super(counters, strategy);
    if (counters.some(({ touch }) => touch !== undefined))
      this.beforeUpdate = async ({ changeSet, em }) =>
        this.#planned.get((em as SqlEntityManager).getUnitOfWork(false))?.plan.beforeUpdate(changeSet!);
  }

  async onFlush({ em, uow }: FlushEventArgs): Promise<void> {
    requireCounting(em.config);
    const transaction = em.getTransactionContext();
    const last = this.#planned.get(uow);
    // At once, and not only before the commit, because MySQL's driver fires no event when it releases a savepoint.
    if (last && last.transaction === transaction && this.#begun(transaction).has(last.plan)) throw unsettled();
    this.#planned.delete(uow);
    if (transaction) return this.#prepare(em as SqlEntityManager, uow, transaction, false);
    // Even an empty flush waits, because a later subscriber may still add to it.
    if (opensTransactions(em as SqlEntityManager)) this.#waiting.add(uow);
    else if (
      uow.getChangeSets().length > 0 ||
      uow.getCollectionUpdates().length > 0 ||
      uow.getExtraUpdates().size > 0
    ) {
      throw new CounterError(
        'COUNTER_TRANSACTION',
        'A flush without a transaction cannot keep counters: enable implicitTransactions and leave disableTransactions out, or use em.transactional().',
      );
    }
  }

  beforeTransactionStart({ uow, transaction }: TransactionEventArgs): Promise<void> {
    if (uow && transaction) this.#around.set(uow, transaction);
    return Promise.resolve();
  }

  async afterTransactionStart({ em, uow, transaction }: TransactionEventArgs): Promise<void> {
    if (!uow || !transaction) return;
    const around = this.#around.get(uow);
    this.#around.delete(uow);
    if (around) this.#savepoints.set(around, (this.#savepoints.get(around) ?? new Set()).add(transaction));
    if (!this.#waiting.delete(uow)) return;
    try {
      await this.#prepare(em as SqlEntityManager, uow, transaction, true);
    } catch (error) {
      // MikroORM does not roll back a transaction whose start event fails; the connection would never come back.
      await transaction.rollback().execute();
      this.#undo(uow);
      throw error;
    }
  }

  async beforeTransactionCommit({ uow, transaction }: TransactionEventArgs): Promise<void> {
    const planned = uow && this.#planned.get(uow);
    if (planned?.implicit && planned.transaction === transaction) await this.#settle(planned);
    if (transaction && this.#hasUnsettled(transaction)) throw unsettled();
  }

  afterTransactionRollback({ uow, transaction }: TransactionEventArgs): Promise<void> {
    if (uow) this.#undo(uow);
    if (transaction) {
      hideValues(this.#within(transaction));
      this.#unsettled.delete(transaction);
      this.#savepoints.delete(transaction);
    }
    return Promise.resolve();
  }

  async afterFlush({ uow }: FlushEventArgs): Promise<void> {
    this.#waiting.delete(uow);
    const planned = this.#planned.get(uow);
    if (!planned) return;
    if (!planned.implicit) await this.#settle(planned);
    this.#planned.delete(uow);
    planned.plan.refresh();
  }

  async #prepare(em: SqlEntityManager, uow: UnitOfWork, transaction: Transaction, implicit: boolean): Promise<void> {
    const plan = new FlushPlan(this.registry(em), em, uow);
    this.#planned.set(uow, { plan, transaction, implicit });
    if (plan.concernsCounts) this.#begun(transaction).add(plan);
    await plan.prepare(transaction);
  }

  async #settle({ plan, transaction }: Planned): Promise<void> {
    const begun = this.#begun(transaction).add(plan);
    await plan.settle(transaction);
    begun.delete(plan);
  }

  #undo(uow: UnitOfWork): void {
    this.#planned.get(uow)?.plan.undo();
    this.#planned.delete(uow);
  }

  /**
   * Returns true for a transaction with a plan that has not settled, there or in one of its savepoints, which MySQL's
   * driver releases without an event.
   */
  #hasUnsettled(transaction: Transaction): boolean {
    return this.#within(transaction).some(one => this.#begun(one).size > 0);
  }

  /** Returns a transaction or savepoint with all savepoints in it. */
  #within(transaction: Transaction): Transaction[] {
    const savepoints = [...(this.#savepoints.get(transaction) ?? [])];
    return [transaction, ...savepoints.flatMap(savepoint => this.#within(savepoint))];
  }

  /** Returns the plans of a transaction that have begun to count and have not settled. Those left at its end have failed. */
  #begun(transaction: Transaction): Set<FlushPlan> {
    const plans = this.#unsettled.get(transaction) ?? new Set();
    this.#unsettled.set(transaction, plans);
    return plans;
  }
}

function unsettled(): CounterError {
  return new CounterError(
    'COUNTER_TRANSACTION',
    'A flush in this transaction has failed after it began to count, so counts and rows may disagree: the transaction can only be rolled back. ' +
      'Where a flush may fail and the rest go on, give it an em.transactional() of its own inside the transaction.',
  );
}
