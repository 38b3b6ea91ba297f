import { Counter, Gauge, type Registry } from 'prom-client';
import type { Database } from '../../database/database.js';
import { awaitedThings, refusedWaits, waitRefusals, type WaitRefused } from '../../database/connections/wait-queue.js';
import { courseQueuesOf } from '../../transactions/course-queues.js';

/** Adds the metrics of waiting in this process to a registry, and counts until the returned function is called. */
export function waitMetrics(registry: Registry, database: Database): () => void {
  const registers = [registry];
  const refused = new Counter({
    name: 'rollcall_waits_refused_total',
    help: 'Waits for a connection, or for the turn to change a course, that were refused: by time, or by the length of the queue.',
    labelNames: ['thing', 'reason'],
    registers,
  });
  for (const thing of awaitedThings) for (const reason of waitRefusals) refused.inc({ thing, reason }, 0);
  new Gauge({
    name: 'rollcall_course_turns_waiting',
    help: 'Changes that wait in this process for other changes to the same course, before they take a connection.',
    registers,
    collect() {
      this.set(courseQueuesOf(database).waiting);
    },
  });
  const count = (message: unknown): void => {
    const { thing, refusal } = message as WaitRefused;
    refused.inc({ thing, reason: refusal });
  };
  refusedWaits.subscribe(count);
  return () => {
    refusedWaits.unsubscribe(count);
  };
}
