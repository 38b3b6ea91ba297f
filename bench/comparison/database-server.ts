import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { freePort } from '../../test/support/free-port.ts';
import { programOf } from '../../test/support/server.ts';

/** The kinds of databases that all cases, or those that read, are measured on. */
export type ServerKind = 'mysql' | 'mariadb' | 'sqlite';

/** A database that the bench has started for itself. */
export interface DatabaseServer {
  readonly url: string;
  /** The process whose processor time is the database's; null: the database is in the contestant's process. */
  readonly pid: number | null;
  readonly stop: () => Promise<void>;
}

/** Returns true if the program of a kind of database is on PATH; SQLite comes with Node. */
export function isInstalled(kind: ServerKind): boolean {
  return kind === 'sqlite' || programOf(kind) !== undefined;
}

/**
 * Starts a server on a free port of the loopback, whose data stay in the folder for the next run. All settings are the
 * server's defaults, so each commit waits for the disk, twice where there is a binary log; only the buffer pool is
 * large enough for the data, and what further options say.
 */
export async function startDatabase(
  kind: ServerKind,
  folder: string,
  further: readonly string[] = [],
): Promise<DatabaseServer> {
  mkdirSync(folder, { recursive: true });
  if (kind === 'sqlite')
    return { url: `sqlite:${join(folder, 'bench.sqlite')}`, pid: null, stop: () => Promise.resolve() };
  const program = programOf(kind);
  if (!program) throw new Error(`There is no server program of ${kind} on PATH.`);
  const data = join(folder, 'data');
  if (!existsSync(data)) await initialize(kind, program, folder, data);
  const port = await freePort();
  const log = join(folder, 'server.log');
  const output = openSync(log, 'w');
  const child = spawn(
    program,
    [
      '--no-defaults',
      `--user=${userInfo().username}`,
      `--datadir=${data}`,
      `--tmpdir=${folder}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      // The path of a socket may have 107 bytes at most, and this one is relative to the data.
      '--socket=s.sock',
      `--pid-file=${join(folder, 'pid')}`,
      '--max-connections=400',
      '--innodb-buffer-pool-size=1G',
      ...(kind === 'mysql' ? ['--mysqlx=OFF'] : []),
      ...further,
    ],
    { cwd: folder, stdio: ['ignore', output, output] },
  );
  await untilAnswers(child, port, log);
  return {
    url: `${kind}://root@127.0.0.1:${port}/bench`,
    pid: child.pid!,
    stop: () => stop(child),
  };
}

/** Ends a process in order, or after 30 s by force. */
export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise(resolve => child.once('exit', resolve));
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await exited;
  clearTimeout(force);
}

async function initialize(kind: 'mysql' | 'mariadb', program: string, folder: string, data: string): Promise<void> {
  const [command, own] =
    kind === 'mysql'
      ? [program, ['--initialize-insecure']]
      : ['mariadb-install-db', ['--auth-root-authentication-method=normal', '--skip-test-db']];
  const options = ['--no-defaults', ...own, `--user=${userInfo().username}`, `--datadir=${data}`];
  try {
    await promisify(execFile)(command, options, { cwd: folder });
  } catch (error) {
    rmSync(data, { recursive: true, force: true });
    throw error;
  }
}

async function untilAnswers(child: ChildProcess, port: number, log: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`The database server ended with ${child.exitCode}:\n${readFileSync(log, 'utf8').slice(-2000)}`);
    try {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
      await connection.end();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }
}
