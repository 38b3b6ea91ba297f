import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../database/database.js';

/** The transactions that are open for all work on a database, as databaseWithin() returned it. */
const openTransactions = new WeakMap<Database, OpenTransaction>();

/**
 * A transaction that somebody has opened, in which the transactions of others become savepoints. They are made one after
 * another, each once: what would be run again after a conflict has ended with the whole transaction.
 */
class OpenTransaction {
  #last: Promise<unknown> = Promise.resolve();

  constructor(private readonly em: SqlEntityManager) {}

  inSavepoint<Result>(work: (em: SqlEntityManager) => Promise<Result>): Promise<Result> {
    const result = this.#last.then(() => this.em.fork().transactional(em => work(em)));
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/**
 * Returns a database whose use cases work in the transaction that an entity manager has at that moment, and whose forks
 * read in it. The entity manager's own forks must keep its transaction.
 */
export function databaseWithin(database: Database, em: SqlEntityManager): Database {
  const { driver, config } = database;
  const within = { em, driver, config, getMetadata: () => em.getMetadata() } as unknown as Database;
  openTransactions.set(within, new OpenTransaction(em));
  return within;
}

/** Returns the open transaction of such a database; undefined for any other. */
export function openTransactionOf(database: Database): OpenTransaction | undefined {
  return openTransactions.get(database);
}
