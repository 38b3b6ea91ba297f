// Runs in a process of its own: opens its own connections, prepares the operations that it is sent, and then runs them
// all at once.
import { subscribe } from 'node:diagnostics_channel';
import type { CounterStrategy } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../dist/database/database.js';
import { withinOwnLimit } from '../../dist/database/time-limits/time-limit.js';
import { retryReason } from '../../dist/transactions/transaction-error.js';
import { operations, type Operation, type Ready, type Result } from './operations.ts';

/** A message to the worker: the database to open, the operations to prepare, the start, or the end. */
export type Order =
  | { kind: 'open'; url: string; counters: CounterStrategy }
  | { kind: 'operations'; operations: Operation[] }
  | { kind: 'go' }
  | { kind: 'close' };

/** A message from the worker. */
export type Report = { kind: 'ready' } | { kind: 'done'; results: Result[]; retries: number; lockWaits: number };

/** The time limit of each operation, in seconds: enough on a machine that has much else to do. */
const LIMIT = 100;

let database: Database;
let [retries, lockWaits] = [0, 0];
subscribe('rollcall:transaction-retry', message => {
  if (retryReason((message as { error: unknown }).error) === 'lock_wait') lockWaits += 1;
  else retries += 1;
});

let prepared: Ready[] = [];

process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => void obey(order).then(report => process.send!(report)));

async function obey(order: Order): Promise<Report> {
  switch (order.kind) {
    case 'open':
      database = await openDatabase(order.url, order.counters);
      // At least one connection is open before the race begins, so that connecting is no part of it.
      await database.em.getConnection().execute('select 1');
      break;
    case 'operations':
      prepared = await Promise.all(
        order.operations.map(async operation => operations[operation.name](database, operation as never)),
      );
      break;
    case 'go':
      [retries, lockWaits] = [0, 0];
      return {
        kind: 'done',
        results: await Promise.all(prepared.map(operation => withinOwnLimit(LIMIT, operation))),
        retries,
        lockWaits,
      };
    case 'close':
      await database.close(true);
  }
  return { kind: 'ready' };
}
