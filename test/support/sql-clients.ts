import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/** The command-line clients of the databases; `mysql` is MySQL's, not MariaDB's client of the same name. */
export type ClientName = 'mysql' | 'mariadb' | 'sqlite3' | 'psql';

/** The clients of each kind of database; MariaDB's also works with MySQL. */
export const clientsOf: Readonly<Record<DatabaseKind, readonly ClientName[]>> = {
  sqlite: ['sqlite3'],
  mysql: ['mysql', 'mariadb'],
  mariadb: ['mariadb'],
  postgresql: ['psql'],
};

/** The result of a client. */
interface ClientEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One line of a result, by column. */
export type Line = Readonly<Record<string, string>>;

/** Returns the path of a client on PATH; undefined: it is not installed. */
export function programOfClient(name: ClientName): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, name));
  return candidates.find(
    path =>
      isFile(path) &&
      (name !== 'mysql' || !spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.includes('MariaDB')),
  );
}

/** Returns the clients of a kind of database that this machine has. */
export function clientsHere(kind: DatabaseKind): ClientName[] {
  return clientsOf[kind].filter(name => programOfClient(name) !== undefined);
}

/** Returns the text of one of the project's SQL scripts. */
export function scriptText(name: string): string {
  return readFileSync(resolve(import.meta.dirname, '../../schema', name), 'utf8');
}

/** A running client. */
export interface ClientAtWork {
  readonly ended: Promise<ClientEnd>;
  readonly kill: () => void;
}

/**
 * Sends a text to a client on its standard input, as `client DATABASE < FILE` does, in a locale of ASCII only; a server
 * gets `first` before it.
 */
export function pipeTo(client: ClientName, url: string, text: string, first?: string): ClientAtWork {
  const child = spawn(programOfClient(client)!, parametersOf(client, url, first), {
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      texts[name] += part;
    });
  }
  child.stdin.end(text);
  return {
    ended: once(child, 'close').then(([code]) => ({ code: code as number | null, ...texts })),
    kill: () => void child.kill('SIGKILL'),
  };
}

/** Runs a script that must succeed and print nothing on standard error; returns its non-empty results, in order. */
export async function resultsOf(client: ClientName, url: string, text: string, first?: string): Promise<Line[][]> {
  const { code, stdout, stderr } = await pipeTo(client, url, text, first).ended;
  if (code !== 0 || stderr !== '') throw new Error(`${client} ended with ${code}:\n${stderr}`);
  if (client === 'sqlite3') return fromJson(stdout);
  return client === 'psql' ? fromRecords(stdout) : fromBatch(stdout);
}

/** The program that dumps a database, beside each client of MySQL and MariaDB. */
const dumpers = { mysql: 'mysqldump', mariadb: 'mariadb-dump' } as const;

/** Returns a dump of a database, or of some of its tables, as `mysqldump DATABASE [TABLE …]` writes it. */
export function dumpOf(client: keyof typeof dumpers, url: string, ...tables: readonly string[]): string {
  const program = join(dirname(programOfClient(client)!), dumpers[client]);
  const { stdout, stderr, status } = spawnSync(program, [...parametersOf(client, url), ...tables], {
    encoding: 'utf8',
    maxBuffer: Number.MAX_SAFE_INTEGER,
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}:\n${stderr}`);
  return stdout;
}

function parametersOf(client: ClientName, url: string, first?: string): string[] {
  if (client === 'sqlite3') return ['-init', '/dev/null', '-json', url.slice('sqlite:'.length)];
  if (client === 'psql')
    return [
      '--no-psqlrc',
      '--no-align',
      '--pset=footer=off',
      `--field-separator=${FIELD_END}`,
      '--record-separator-zero',
      ...(first ? ['--quiet', `--command=${first}`, '--file=-'] : []),
      url,
    ];
  const { hostname, port, username, password, pathname } = new URL(url);
  const account = [
    `--user=${decodeURIComponent(username)}`,
    ...(password ? [`--password=${decodeURIComponent(password)}`] : []),
  ];
  const unencrypted = client === 'mysql' ? '--ssl-mode=DISABLED' : '--skip-ssl';
  return [
    '--no-defaults',
    `--host=${hostname}`,
    `--port=${port}`,
    '--protocol=TCP',
    unencrypted,
    ...account,
    ...(first ? [`--init-command=${first}`] : []),
    pathname.slice(1),
  ];
}

/** The character between two fields of psql's output. */
const FIELD_END = '\u001F';

/** Parses the output of psql: a header, then records, each ended by a NUL; a result without rows is left out. */
function fromRecords(text: string): Line[][] {
  const records = text
    .split('\0')
    .slice(0, -1)
    .map(record => record.split(FIELD_END));
  return inResults(records).filter(result => result.length > 0);
}

/** Parses the JSON output of sqlite3: one array for each result, each on lines of its own. */
function fromJson(text: string): Line[][] {
  const results = text.split(/(?<=\])\n(?=\[|$)/).filter(part => part !== '');
  return results.map(part =>
    (JSON.parse(part) as Record<string, unknown>[]).map(line =>
      Object.fromEntries(Object.entries(line).map(([name, value]) => [name, String(value)])),
    ),
  );
}

const headers = ['id\ttitle\tcounter\tstored\tactual\tresult', 'courses\tmismatches', 'mismatches'];

/**
 * Parses the output of mysql and mariadb into a pipe: a header, then fields between tabs, with the escapes \t, \n, \0
 * and \\.
 */
function fromBatch(text: string): Line[][] {
  return inResults(
    text
      .split('\n')
      .slice(0, -1)
      .map(line =>
        line
          .split('\t')
          .map(field =>
            field.replace(/\\([tn0\\])/g, (_, letter: string) => ({ t: '\t', n: '\n', 0: '\0' })[letter] ?? '\\'),
          ),
      ),
  );
}

/** Returns the results to which records belong, each of which begins with a header. */
function inResults(records: readonly (readonly string[])[]): Line[][] {
  const results: Line[][] = [];
  let names: readonly string[] = [];
  for (const fields of records) {
    if (headers.includes(fields.join('\t'))) {
      names = fields;
      results.push([]);
    } else {
      results.at(-1)!.push(Object.fromEntries(names.map((name, index) => [name, fields[index]!])));
    }
  }
  return results;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
