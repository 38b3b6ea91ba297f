import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { SECRET, type Contestant } from './contestants.ts';
import { stop } from './database-server.ts';
import { PROFILED, profilerOf, type Profiler } from './profiler.ts';
import type { Store } from './store.ts';

/** A contestant that is running and answers. */
export interface RunningContestant {
  readonly contestant: Contestant;
  readonly url: string;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Its database, and the database's process, if it has one. */
  readonly store: Store;
  readonly databasePid: number | null;
  /** Null if it is not profiled. */
  readonly profiler: Profiler | null;
  /** Sends one request and returns the answer as it came. */
  readonly post: (body: string) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** How long a contestant may take to give its first answer, in milliseconds. */
const MAX_START_MILLISECONDS = 60_000;

/** Starts a contestant on a free port in production mode; what it prints goes to a file of the folder. */
export async function startContestant(
  contestant: Contestant,
  {
    store,
    databasePid,
    token,
    logs,
    isProfiled,
  }: { store: Store; databasePid: number | null; token: string; logs: string; isProfiled: boolean },
): Promise<RunningContestant> {
  const port = await freePort();
  mkdirSync(logs, { recursive: true });
  const log = join(logs, `${contestant.name}.log`);
  const output = openSync(log, 'w');
  const child = spawn(process.execPath, [...(isProfiled ? PROFILED : []), ...contestant.program], {
    cwd: contestant.folder,
    stdio: ['ignore', output, output, ...(isProfiled ? (['ipc'] as const) : [])],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: store.url,
      JWT_SECRET: SECRET,
      ...contestant.environment,
    },
  });
  const url = `http://127.0.0.1:${port}/graphql`;
  const headers = { authorization: `Bearer ${token}` };
  const post = async (body: string): Promise<string> => {
    const answer = await fetch(url, {
      method: 'POST',
      // Uncompressed, as the load generator gets it.
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...headers,
      },
      body,
    });
    return answer.text();
  };
  try {
    await untilAnswers(child, () => post('{"query":"{ __typename }","operationName":null}'));
    await contestant.learn?.(post);
  } catch (error) {
    await stop(child);
    throw new Error(`${contestant.name} does not answer:\n${readFileSync(log, 'utf8').slice(-2000)}`, { cause: error });
  }
  const profiler = isProfiled ? profilerOf(child, join(logs, `${contestant.name}.json`)) : null;
  return { contestant, url, headers, store, databasePid, profiler, post, pid: child.pid!, stop: () => stop(child) };
}

async function untilAnswers(child: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  const end = performance.now() + MAX_START_MILLISECONDS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`);
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}
