import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePort } from './free-port.ts';

/** A throwaway server of PostgreSQL that a test run has started for itself. */
export interface PostgresqlServer {
  /** The URL of the server with its superuser, without a database name. */
  readonly url: string;
  /** Ends the server as a power cut would, and leaves its data. */
  readonly kill: () => Promise<void>;
  /** Starts the server again on the same data and port, after `kill`. */
  readonly start: () => Promise<void>;
  /** Ends the server and removes its data. */
  readonly stop: () => Promise<void>;
}

/** The folder with the programs of each version that Debian has installed, which are not on PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** Settings by which nothing waits for the disk: only a power cut needs it, and no test cuts the power. */
const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=200'];
/** The same for the end of a process of the server, which only tests that kill it need. */
const withoutKills = 'synchronous_commit=off';

/** Returns the folder of the server's programs, on PATH or where Debian has them; undefined: it is not installed. */
export function postgresqlFolder(): string | undefined {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER).toSorted().toReversed() : [];
  const candidates = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    ...versions.map(version => join(DEBIAN_FOLDER, version, 'bin')),
  ];
  return candidates.find(folder => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/**
 * Starts a server on a random port of the loopback with a temporary data directory, and waits until it answers. With
 * `mayBeKilled` no acknowledged commit is lost when its processes are killed.
 */
export async function startPostgresql(mayBeKilled = false): Promise<PostgresqlServer> {
  const programs = postgresqlFolder();
  if (!programs) throw new Error('There are no programs of PostgreSQL on PATH.');
  const owner = await serverAccount();
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-postgresql-'));
  if (owner) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  await promisify(execFile)(
    join(programs, 'initdb'),
    [`--pgdata=${data}`, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { cwd: folder, ...owner },
  );
  const port = await freePort();
  const log = join(folder, 'server.log');
  const chosen = [...settings, ...(mayBeKilled ? [] : [withoutKills])].flatMap(one => ['-c', one]);
  const url = `postgresql://postgres@127.0.0.1:${port}`;
  let child: ChildProcess;
  const server: PostgresqlServer = {
    url,
    async start() {
      const output = openSync(log, 'a');
      child = spawn(
        join(programs, 'postgres'),
        ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder, ...chosen],
        { cwd: folder, stdio: ['ignore', output, output], ...owner },
      );
      for (;;) {
        if (child.exitCode !== null)
          throw new Error(`PostgreSQL ended with ${child.exitCode}:\n${readFileSync(log, 'utf8')}`);
        if (await answers(url)) break;
        await delay(20);
      }
    },
    async kill() {
      // At once, without a checkpoint, and with its own processes, which it would leave behind if it were killed.
      const exited = new Promise(resolve => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGQUIT')) await exited;
    },
    async stop() {
      await server.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

/**
 * Creates a database, unless it exists, over a plain connection by copying the files of an empty one, which takes less
 * than half of the time of PostgreSQL's usual way. Before PostgreSQL 15 there was no other way.
 */
export async function createPostgresqlDatabase(server: string, name: string): Promise<void> {
  const client = new Client({ connectionString: `${server}/postgres` });
  await client.connect();
  const { rows } = await client.query<{ exists: boolean; has_choice: boolean }>(
    `select exists (select from pg_database where datname = $1), current_setting('server_version_num')::int >= 150000 as has_choice`,
    [name],
  );
  const { exists, has_choice: hasChoice } = rows[0]!;
  if (!exists) await client.query(`create database ${name}${hasChoice ? ' strategy file_copy' : ''}`);
  await client.end();
}

/** Drops the databases of a server whose names begin like this. */
export async function dropPostgresqlDatabases(server: string, begin: string): Promise<void> {
  const client = new Client({ connectionString: `${server}/postgres` });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1)',
    [begin],
  );
  for (const { name } of rows) await client.query(`drop database ${name} with (force)`);
  await client.end();
}

/** Returns the account under which the server runs: not root's, which it refuses; undefined: this process's own. */
async function serverAccount(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const id = async (option: string): Promise<number> =>
    Number((await promisify(execFile)('id', [option, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: `${url}/postgres` });
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
