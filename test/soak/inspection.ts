import { checkDrift, checkRows, listenerChecks } from './data-checks.ts';
import type { CallWatch } from './call-watch.ts';
import type { FaultContext } from './fault.ts';
import type { Listener } from './listeners.ts';
import { megabytes } from './megabytes.ts';
import type { Problems } from './problems.ts';
import type { Resources } from './rollcall.ts';
import type { Tally } from './tally.ts';

/** The most by which the resources of an idle server may grow: the heap in bytes, and the descriptors. */
const MAX_GROWN_HEAP = 30_000_000;
const MAX_GROWN_DESCRIPTORS = 10;

/** The state of data and server at a moment without a call. */
export interface Inspection {
  readonly seconds: number;
  readonly reads: number;
  readonly writes: number;
  readonly messages: number;
  readonly resources: Resources;
  readonly lost: number;
  readonly drift: number;
}

/** What is inspected. */
interface Inspected {
  readonly context: FaultContext;
  readonly watch: CallWatch;
  readonly listeners: readonly Listener[];
  readonly tally: Tally;
  /** The time since the start, in seconds. */
  readonly seconds: () => number;
}

/** Pauses the load, and compares the answers to callers and the messages to listeners with the database. */
export async function inspect({ context, watch, listeners, tally, seconds }: Inspected): Promise<Inspection> {
  const { database, load, problems } = context;
  await load.pause();
  // A server without processor time may still work on calls that were given up, whose outcome the rows decide.
  const resources = await resourcesAtRest(context, watch);
  // Statements that were sent before a database went away may still run in it.
  if (database.server)
    await watch.eventually(
      async () => (await database.query('select 1 from information_schema.innodb_trx')).length === 0,
      () => 'a transaction goes on without any caller',
    );
  const drift = await checkDrift(database, problems);
  const lost = await checkRows(database, load, problems);
  const mistakes = await listenerChecks(database, listeners);
  await watch.eventually(
    () => mistakes().length === 0,
    () => `the last message of a live count is not the stored count: ${mistakes().slice(0, 3).join('; ')}`,
  );
  const count = (kind: 'read' | 'write'): number => Object.values(tally.all(kind)).reduce((sum, one) => sum + one, 0);
  return {
    seconds: seconds(),
    reads: count('read'),
    writes: count('write'),
    messages: listeners.reduce((sum, { messages }) => sum + messages, 0),
    resources,
    lost,
    drift,
  };
}

/** Checks that the server has not kept memory or descriptors since an inspection. */
export function checkGrowth(first: Resources, last: Resources, problems: Problems): void {
  if (last.heap - first.heap > MAX_GROWN_HEAP)
    problems.add(`the heap has grown from ${megabytes(first.heap)} to ${megabytes(last.heap)}`);
  if (last.descriptors - first.descriptors > MAX_GROWN_DESCRIPTORS)
    problems.add(`the descriptors have grown from ${first.descriptors} to ${last.descriptors}`);
}

/** Returns the resources of the server, once they do not change any more. */
async function resourcesAtRest({ server }: FaultContext, watch: CallWatch): Promise<Resources> {
  const heap = await server.heap();
  let resources = await server.resources();
  await watch.eventually(
    async () => {
      const before = resources;
      resources = await server.resources();
      return resources.descriptors === before.descriptors && resources.waiting === 0;
    },
    () =>
      `the server does not come to rest: ${resources.waiting} requests wait for a connection or their turn, without any caller`,
  );
  return { ...resources, heap };
}
