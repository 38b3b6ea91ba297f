// Runs in a process of its own: opens its own connections, makes ready what it is sent, and then does it all at once.
import { subscribe } from 'node:diagnostics_channel';
import type { CounterStrategy } from '../../dist/counters/index.js';
import { openDatabase } from '../../dist/database/database.js';
import { operations, type Operation, type Ready, type Result } from './operations.ts';

/** Is what the worker is sent: the operations to prepare, then the word to begin. */
export type Order = { kind: 'operations'; operations: Operation[] } | { kind: 'go' } | { kind: 'end' };

/** Is what the worker answers. */
export type Report = { kind: 'ready' } | { kind: 'done'; results: Result[]; retries: number };

const database = await openDatabase(process.argv[2]!, process.argv[3] as CounterStrategy);
let retries = 0;
subscribe('rollcall:transaction-retry', () => {
  retries += 1;
});

let prepared: Ready[] = [];
const answer = (report: Report): void => void process.send!(report);

process.on('message', (order: Order) => {
  if (order.kind === 'operations') {
    void Promise.all(order.operations.map(operation => operations[operation.name](database, operation as never))).then(
      ready => {
        prepared = ready;
        answer({ kind: 'ready' });
      },
    );
  } else if (order.kind === 'go') {
    retries = 0;
    void Promise.all(prepared.map(operation => operation())).then(results =>
      answer({ kind: 'done', results, retries }),
    );
  } else {
    void database.close(true).then(() => process.disconnect());
  }
});

// One connection at least is open before the race begins, so that connecting is no part of it.
await database.em.getConnection().execute('select 1');
answer({ kind: 'ready' });
