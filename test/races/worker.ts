// Runs in a process of its own: opens its own connections, prepares the operations that it is sent, and then runs them
// all at once.
import { subscribe } from 'node:diagnostics_channel';
import type { CounterStrategy } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../dist/database/database.js';
import { operations, type Operation, type Ready, type Result } from './operations.ts';

/** A message to the worker: the database to open, the operations to prepare, the start, or the end. */
export type Order =
  | { kind: 'open'; url: string; counters: CounterStrategy }
  | { kind: 'operations'; operations: Operation[] }
  | { kind: 'go' }
  | { kind: 'close' };

/** A message from the worker. */
export type Report = { kind: 'ready' } | { kind: 'done'; results: Result[]; retries: number };

let database: Database;
let retries = 0;
subscribe('rollcall:transaction-retry', () => {
  retries += 1;
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
      retries = 0;
      return { kind: 'done', results: await Promise.all(prepared.map(operation => operation())), retries };
    case 'close':
      await database.close(true);
  }
  return { kind: 'ready' };
}
