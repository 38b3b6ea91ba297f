import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { freePort } from './free-port.ts';

/** A throwaway database server that a test run has started for itself. */
export interface Server {
  /** The URL of the server with its root user, without a database name. */
  readonly url: string;
  readonly port: number;
  /** Ends the server as a power cut would, and leaves its data. */
  readonly kill: () => Promise<void>;
  /** Starts the server again on the same data and port, after `kill`. */
  readonly start: () => Promise<void>;
  /** Has the server do nothing more, and answer nothing, until `thaw`; connections stay open. */
  readonly freeze: () => void;
  readonly thaw: () => void;
  /** Ends the server and removes its data. */
  readonly stop: () => Promise<void>;
}

/** The kinds of database servers that tests start for themselves, and may kill. */
export const serverKinds = ['mysql', 'mariadb'] as const;
export type ServerKind = (typeof serverKinds)[number];

/** Returns true for MySQL and MariaDB. */
export function isMySql(kind: string): kind is ServerKind {
  return (serverKinds as readonly string[]).includes(kind);
}

const programs = { mysql: 'mysqld', mariadb: 'mariadbd' };

/** The variables that name an empty data directory, of which each server of this test run begins with a copy. */
const emptyDataVariables = { mysql: 'ROLLCALL_EMPTY_MYSQL', mariadb: 'ROLLCALL_EMPTY_MARIADB' };

/**
 * Returns the server program of a kind on PATH; undefined: it is not installed. MariaDB's packages have a mysqld too,
 * which is not MySQL.
 */
export function programOf(kind: ServerKind): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, programs[kind]));
  return candidates.find(
    path =>
      existsSync(path) &&
      spawnSync(path, ['--no-defaults', '--version'], { encoding: 'utf8' }).stdout.includes('MariaDB') ===
        (kind === 'mariadb'),
  );
}

/** Starts a server on a random port of the loopback with a temporary data directory, and waits until it answers. */
export async function startServer(kind: ServerKind, extra: readonly string[] = []): Promise<Server> {
  const program = installedProgramOf(kind);
  const folder = mkdtempSync(join(tmpdir(), `rollcall-${kind}-`));
  const data = join(folder, 'data');
  const user = userInfo().username;
  const empty = process.env[emptyDataVariables[kind]];
  if (empty === undefined) await initialize(kind, program, folder, data, user);
  else cpSync(empty, data, { recursive: true });
  const port = await freePort();
  let child: ChildProcess;
  const server: Server = {
    url: `${kind}://root@127.0.0.1:${port}`,
    port,
    async start() {
      child = run(kind, program, folder, data, user, port, extra);
      await untilAnswers(child, port, join(folder, 'server.log'));
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async kill() {
      const exited = new Promise(resolve => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await exited;
    },
    async stop() {
      // Its data are discarded, so it need not shut down in order; and MariaDB sometimes misses a SIGTERM.
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/**
 * Makes an empty data directory for the servers of a kind that this process, and those that it starts, start from now
 * on: a server needs seconds to make one. Returns the function that deletes it.
 */
export async function shareEmptyData(kind: ServerKind): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), `rollcall-empty-${kind}-`));
  const data = join(folder, 'data');
  await initialize(kind, installedProgramOf(kind), folder, data, userInfo().username);
  // MySQL's name for this server: each copy makes one of its own.
  rmSync(join(data, 'auto.cnf'), { force: true });
  process.env[emptyDataVariables[kind]] = data;
  return () => {
    delete process.env[emptyDataVariables[kind]];
    rmSync(folder, { recursive: true, force: true });
  };
}

function installedProgramOf(kind: ServerKind): string {
  const program = programOf(kind);
  if (!program) throw new Error(`There is no ${programs[kind]} of ${kind} on PATH.`);
  return program;
}

/** Makes an empty data directory. Errors: that of the program, with what it printed. */
async function initialize(
  kind: ServerKind,
  program: string,
  folder: string,
  data: string,
  user: string,
): Promise<void> {
  const [command, own] =
    kind === 'mysql'
      ? [program, ['--initialize-insecure']]
      : ['mariadb-install-db', ['--auth-root-authentication-method=normal', '--skip-test-db']];
  await promisify(execFile)(command, ['--no-defaults', ...own, `--user=${user}`, `--datadir=${data}`], { cwd: folder });
}

function run(
  kind: ServerKind,
  program: string,
  folder: string,
  data: string,
  user: string,
  port: number,
  extra: readonly string[],
): ChildProcess {
  const log = openSync(join(folder, 'server.log'), 'a');
  // A folder for temporary tables of its own: MariaDB removes those that it finds when it starts, another server's too.
  const folders = [`--datadir=${data}`, `--tmpdir=${folder}`];
  const options = [
    '--no-defaults',
    `--user=${user}`,
    ...folders,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(folder, 's.sock')}`,
  ];
  const sizes = [
    '--max-connections=400',
    '--innodb-buffer-pool-size=256M',
    '--innodb-flush-log-at-trx-commit=1',
    '--skip-log-bin',
  ];
  const own =
    kind === 'mysql' ? ['--mysqlx=OFF', `--pid-file=${join(folder, 'pid')}`] : [`--pid-file=${join(folder, 'pid')}`];
  return spawn(program, [...options, ...sizes, ...own, ...extra], { cwd: folder, stdio: ['ignore', log, log] });
}

async function untilAnswers(child: ChildProcess, port: number, log: string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null)
      throw new Error(`The database server ended with ${child.exitCode}:\n${readFileSync(log, 'utf8')}`);
    try {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'root' });
      await connection.end();
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ECONNREFUSED') throw error;
      await delay(50);
    }
  }
}

/** Drops the databases of a server, of which the URL is given, whose names begin like this. */
export async function dropDatabases(server: string, begin: string): Promise<void> {
  const connection = await createConnection({ uri: server.replace(/^mariadb:/, 'mysql:') });
  const [rows] = await connection.query(
    'select schema_name as name from information_schema.schemata where left(schema_name, ?) = ?',
    [begin.length, begin],
  );
  for (const { name } of rows as { name: string }[]) await connection.query(`drop database ${name}`);
  await connection.end();
}
