import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.js';

const PASSWORD = 'the-word-of-this-test';

/** A throwaway Redis on a random port of the loopback interface. */
export interface TestRedis {
  readonly url: string;
  /** The same with a wrong password. */
  readonly wrongUrl: string;
  /** Ends it; `start` starts it again on the same port, without its data. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** Stops it from answering, while its connections stay open, until `goOn`. */
  readonly hang: () => void;
  readonly goOn: () => void;
  /** Ends it permanently. */
  readonly stop: () => Promise<void>;
}

/** Returns the path of redis-server on PATH; undefined: it is not installed. */
export function redisProgram(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(folder => join(folder, 'redis-server'))
    .find(path => existsSync(path));
}

/** Starts a Redis, and waits until it answers. */
export async function startRedis(): Promise<TestRedis> {
  const program = redisProgram();
  if (!program) throw new Error('There is no redis-server on PATH.');
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-redis-'));
  const port = await freePort();
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
    '--requirepass',
    PASSWORD,
  ];
  let child: ChildProcess;
  const redis: TestRedis = {
    url: `redis://default:${PASSWORD}@127.0.0.1:${port}`,
    wrongUrl: `redis://default:not-${PASSWORD}@127.0.0.1:${port}`,
    async start() {
      child = spawn(program, options, { cwd: folder, stdio: 'ignore' });
      while (!(await answers(port)))
        if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}.`);
    },
    async kill() {
      const exited = new Promise(resolve => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await exited;
    },
    hang: () => void child.kill('SIGSTOP'),
    goOn: () => void child.kill('SIGCONT'),
    async stop() {
      await redis.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await redis.start();
  return redis;
}

function answers(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write('PING\r\n'));
    socket.once('data', () => socket.destroy()).once('error', () => undefined);
    let isAnswered = false;
    socket.once('data', () => (isAnswered = true)).once('close', () => resolve(isAnswered));
  });
}
