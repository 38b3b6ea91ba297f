import type { Channel } from 'node:diagnostics_channel';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Counter, Gauge, type Registry } from 'prom-client';
import {
  bypassRefusals,
  finishedVerifies,
  recountedRows,
  registryOf,
  storedCountUpdates,
  verifiedRows,
  type BypassRefusal,
  type FinishedVerify,
  type RecountedRow,
  type StoredCountUpdate,
  type VerifiedRows,
} from 'mikro-orm-counters';
import { Course } from '../../entities/index.js';
import { LAST_VERIFY_PREFIX, LAST_VERIFY_TIME } from './metric-names.js';
import { conflictReasons, retryReason } from '../../transactions/transaction-error.js';
import { deadlocks, transactionRetries } from '../../transactions/transactions.js';

/**
 * Adds the metrics of counting and of transactions to a registry, and counts what this process publishes until the
 * returned function is called.
 */
export function counterMetrics(registry: Registry, em: SqlEntityManager): () => void {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Counter<Label> =>
    new Counter({ name: `rollcall_${name}`, help, labelNames, registers });
  const updates = counter(
    'stored_count_updates_total',
    'Stored counts that the engine changed by an UPDATE, by counter; those of transactions that were rolled back too.',
    'counter',
  );
  const bypasses = counter(
    'bypasses_refused_total',
    'Writes that were refused because hooks would not see them, by entity.',
    'entity',
  );
  const retries = counter(
    'transaction_retries_total',
    'Transactions that were run again, by what ended the previous attempt.',
    'reason',
  );
  const locked = counter('deadlocks_total', 'Transactions that the database ended because they waited for each other.');
  const checked = counter('courses_checked_total', 'Courses whose stored counts were compared with the rows.');
  const found = counter(
    'drifts_found_total',
    'Stored counts that were found wrong; one that stays wrong counts each time.',
  );
  const repaired = counter('drifts_repaired_total', 'Stored counts that a recount corrected.');
  const gauge = (name: string, what: string): Gauge =>
    new Gauge({
      name,
      help: `${what} the last verify of all courses by this process; absent if there was none.`,
      registers,
    });
  const [moment, duration, drifts] = [
    gauge(LAST_VERIFY_TIME, 'The end of'),
    gauge(`${LAST_VERIFY_PREFIX}duration_seconds`, 'The duration of'),
    gauge(`${LAST_VERIFY_PREFIX}drifts`, 'The stored counts found wrong by'),
  ];
  // Otherwise 0 would say that it ended in 1970 and found nothing.
  for (const one of [moment, duration, drifts]) one.remove();

  const groups = registryOf(em)?.groups ?? [];
  for (const name of groups.flatMap(({ counters }) => counters.map(one => one.name))) updates.inc({ counter: name }, 0);
  for (const entity of groups.flatMap(({ counted, target }) => [counted.className, target.className]))
    bypasses.inc({ entity }, 0);
  for (const reason of conflictReasons) retries.inc({ reason }, 0);

  const listeners = [
    listen<StoredCountUpdate>(storedCountUpdates, ({ changes }) =>
      changes.forEach(change => updates.inc({ counter: change.counter })),
    ),
    listen<BypassRefusal>(bypassRefusals, ({ entity }) => bypasses.inc({ entity })),
    listen<{ error: unknown }>(transactionRetries, ({ error }) => retries.inc({ reason: retryReason(error) })),
    listen(deadlocks, () => locked.inc()),
    listen<VerifiedRows>(verifiedRows, rows => {
      if (rows.target !== Course.name) return;
      checked.inc(rows.checked);
      found.inc(rows.drifts);
    }),
    listen<FinishedVerify>(finishedVerifies, verify => {
      if (verify.target !== Course.name) return;
      moment.setToCurrentTime();
      duration.set(verify.milliseconds / 1000);
      drifts.set(verify.drifts);
    }),
    listen<RecountedRow>(recountedRows, ({ changes }) => repaired.inc(changes.length)),
  ];
  return () => listeners.forEach(stop => stop());
}

/** Listens to a diagnostics channel, which delivers synchronously; returns the function that ends this. */
function listen<Message>(channel: Channel, take: (message: Message) => void): () => void {
  const listener = (message: unknown): void => take(message as Message);
  channel.subscribe(listener);
  return () => {
    channel.unsubscribe(listener);
  };
}
