import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { freePort } from '../support/free-port.ts';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const smallFile = new URL('small-file.ts', import.meta.url).href;
const SECRET = 'a secret of this soak alone, which nobody else knows';

/** One line of the server's log, from warnings on; a line that is no JSON has its text as `msg`. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly fault?: string;
  readonly [field: string]: unknown;
}

/** The resources of an idle server. */
export interface Resources {
  /** The memory of the process, in bytes. */
  readonly rss: number;
  /** The heap after a garbage collection, in bytes. */
  readonly heap: number;
  /** Its open files and sockets, without those of its connections to the database. */
  readonly descriptors: number;
  /** The number of requests that wait for a connection or for their turn to change a course. */
  readonly waiting: number;
}

/** A server that runs as a process of its own. */
export interface Rollcall {
  readonly url: string;
  /** Measures everything but the heap. */
  readonly resources: () => Promise<Omit<Resources, 'heap'>>;
  /** Collects garbage, and returns the size of the heap, in bytes. */
  readonly heap: () => Promise<number>;
  /** Stops the process until `thaw`. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Fills up an SQLite file, or gives it room again. */
  readonly toggleRoom: () => void;
  /** Ends the process at once. */
  readonly kill: () => void;
  /** Ends the server in order, and returns its exit code. */
  readonly stop: () => Promise<number | null>;
}

/** The options of a server of a soak. */
export interface RollcallOptions {
  readonly databaseUrl: string;
  /** REQUEST_TIMEOUT, in seconds. */
  readonly requestTimeout: number;
  readonly onLine: (line: LogLine) => void;
}

/** Starts a server, as an operator would, and waits until it is ready. Errors: it ended instead. */
export async function startRollcall({ databaseUrl, requestTimeout, onLine }: RollcallOptions): Promise<Rollcall> {
  const port = await freePort();
  const variables = {
    PATH: process.env['PATH'],
    COUNTERS: process.env['COUNTERS'],
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(port),
    NODE_ENV: 'production',
    JWT_SECRET: SECRET,
    LOG_LEVEL: 'warn',
    METRICS: 'on',
    // All requests come from one address.
    RATE_LIMIT: 'off',
    REQUEST_TIMEOUT: String(requestTimeout),
  };
  // The inspector, by which garbage is collected before memory is measured.
  const parameters = [
    '--inspect=127.0.0.1:0',
    ...(databaseUrl.startsWith('sqlite:') ? ['--disable-warning=ExperimentalWarning', '--import', smallFile] : []),
    main,
    'serve',
  ];
  const child = spawn(process.execPath, parameters, { env: variables, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const inspector = Promise.withResolvers<string>();
  // What it says in words while it starts, as that it has made the tables.
  let words = '';
  let isReady = false;
  createInterface(child.stdout).on('line', text => onLine(lineOf(text)));
  createInterface(child.stderr).on('line', text => {
    const address = /^Debugger listening on (ws:.+)$/.exec(text)?.[1];
    if (address) inspector.resolve(address);
    else if (/^(?:For help, see: https:\/\/nodejs|Debugger (?:attached|ending))/.test(text)) return;
    else if (isReady) onLine(lineOf(text));
    else words += `${text}\n`;
  });
  const url = `http://127.0.0.1:${port}/graphql`;
  await Promise.race([
    untilReady(`http://127.0.0.1:${port}/readyz`),
    exited.then(([code]) => {
      throw new Error(`The server ended with ${code} before it was ready:\n${words}`);
    }),
  ]);
  isReady = true;
  return {
    url,
    async resources() {
      const samples = samplesIn(await (await fetch(new URL('/metrics', url))).text());
      const sum = (name: RegExp): number =>
        [...samples].reduce((all, [series, value]) => all + (name.test(series) ? value : 0), 0);
      const connections = databaseUrl.startsWith('sqlite:') ? 0 : sum(/^rollcall_database_connections\{/);
      return {
        rss: sum(/^process_resident_memory_bytes$/),
        descriptors: sum(/^process_open_fds$/) - connections,
        waiting: sum(/^rollcall_(?:database_connections|course_turns)_waiting$/),
      };
    },
    heap: async () => collected(await inspector.promise),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    toggleRoom: () => void child.kill('SIGUSR2'),
    kill: () => void child.kill('SIGKILL'),
    async stop() {
      child.kill('SIGTERM');
      return (await exited)[0];
    },
  };
}

/** Returns a token for a role; without a user, an admin's. */
export function tokenOf(role: string, userId?: string): Promise<string> {
  const token = new SignJWT({ role }).setProtectedHeader({ alg: 'HS256' }).setIssuedAt().setExpirationTime('30d');
  if (userId !== undefined) token.setSubject(userId);
  return token.sign(new TextEncoder().encode(SECRET));
}

function lineOf(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { level: 50, msg: text };
  }
}

async function untilReady(url: string): Promise<void> {
  for (;;) {
    try {
      if ((await fetch(url)).status === 200) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // Nothing listens yet.
    }
    await delay(50);
  }
}

/** Collects the garbage of a process, and returns the size of what is left, in bytes. */
async function collected(address: string): Promise<number> {
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const ask = async (method: string): Promise<{ usedSize: number }> => {
    const answered = once(socket, 'message');
    socket.send(JSON.stringify({ id: 1, method }));
    return (JSON.parse(String((await answered)[0])) as { result: { usedSize: number } }).result;
  };
  await ask('HeapProfiler.collectGarbage');
  const { usedSize } = await ask('Runtime.getHeapUsage');
  socket.close();
  return usedSize;
}

function samplesIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}
