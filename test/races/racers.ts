import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CounterStrategy } from 'mikro-orm-counters';
import type { Operation, Result } from './operations.ts';
import type { Order, Report } from './worker.ts';

/**
 * The result of a race: each operation's outcome in their order, and the number of transactions that were run again:
 * after conflicts, and because they waited too long for a lock, which only shows how busy the machine is.
 */
export interface Race {
  readonly results: Result[];
  readonly retries: number;
  readonly lockWaits: number;
}

/** A group of processes that run operations at the same moment, each over connections of its own. */
export interface Racers {
  readonly race: (operations: readonly Operation[]) => Promise<Race>;
  readonly stop: () => Promise<void>;
}

const program = fileURLToPath(new URL('worker.ts', import.meta.url));
/** Processes that wait for their next race. They end with the test worker that started them. */
const idle: ChildProcess[] = [];

/**
 * Opens a database in processes that race on it, with the counters kept by the strategy of this run unless said
 * otherwise.
 */
export async function startRacers(
  url: string,
  processes = 4,
  counters = (process.env['COUNTERS'] ?? 'hooks') as CounterStrategy,
): Promise<Racers> {
  const children = Array.from({ length: processes }, () => idle.pop() ?? startRacer());
  await Promise.all(children.map(child => tell(child, { kind: 'open', url, counters })));
  let isAtWork = false;
  let hasStopped = false;
  return {
    async race(operations) {
      isAtWork = true;
      // Distributed in turn, so that neighbours in the list run in different processes.
      const hands = children.map((_, place) => operations.filter((_one, index) => index % children.length === place));
      await Promise.all(children.map((child, place) => tell(child, { kind: 'operations', operations: hands[place]! })));
      const reports = await Promise.all(children.map(child => tell(child, { kind: 'go' })));
      isAtWork = false;
      const done = reports.map(one => one as Extract<Report, { kind: 'done' }>);
      return {
        results: operations.map(
          (_, index) => done[index % children.length]!.results[Math.floor(index / children.length)]!,
        ),
        retries: done.reduce((sum, { retries }) => sum + retries, 0),
        lockWaits: done.reduce((sum, { lockWaits }) => sum + lockWaits, 0),
      };
    },
    async stop() {
      if (hasStopped) return;
      hasStopped = true;
      // After a failed race, the processes may still be working.
      if (isAtWork) return children.forEach(child => child.kill('SIGKILL'));
      await Promise.all(children.map(child => tell(child, { kind: 'close' })));
      idle.push(...children);
    },
  };
}

function startRacer(): ChildProcess {
  const child = fork(program, { execArgv: ['--disable-warning=ExperimentalWarning'] });
  child.channel!.unref();
  child.unref();
  return child;
}

function tell(child: ChildProcess, order: Order): Promise<Report> {
  const answer = report(child);
  child.send(order);
  return answer;
}

async function report(child: ChildProcess): Promise<Report> {
  const over = new AbortController();
  const failed = once(child, 'exit', { signal: over.signal }).then(([code]) => {
    throw new Error(`A racer ended with ${code}.`);
  });
  const answered = once(child, 'message', { signal: over.signal });
  const settled = Promise.allSettled([failed, answered]);
  try {
    return (await Promise.race([answered, failed]))[0] as Report;
  } finally {
    over.abort();
    await settled;
  }
}
