import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';

// A count that one entity manager changes may be loaded in others: in those that work in the same transaction, and in
// the one in which em.transactional() was called, whose transaction may be around that one.

const members = new WeakMap<Transaction, Set<SqlEntityManager>>();
const outer = new WeakMap<SqlEntityManager, SqlEntityManager>();

/** Notes that an entity manager works in its present transaction, if it has one. */
export function noteTransaction(em: SqlEntityManager): void {
  const transaction = em.getTransactionContext();
  if (transaction) members.set(transaction, (members.get(transaction) ?? new Set()).add(em));
}

/** Notes that an entity manager was made for a transaction that another one asked for. */
export function noteOuter(em: SqlEntityManager, around: SqlEntityManager): void {
  if (em !== around) outer.set(em, around);
}

/** Returns the entity managers that show what one of them changes, with that one as the first. */
export function managersBeside(em: SqlEntityManager): Set<SqlEntityManager> {
  const managers = new Set([em]);
  // A set goes on to what is added to it meanwhile.
  for (const one of managers) {
    const around = outer.get(one);
    if (around) managers.add(around);
    const transaction = one.getTransactionContext();
    for (const member of (transaction && members.get(transaction)) ?? [])
      if (member.getTransactionContext() === transaction) managers.add(member);
  }
  return managers;
}
