import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';

/**
 * Names the databases' own command-line clients; `mysql` is MySQL's, not the name under which MariaDB's packages
 * install theirs.
 */
export type ClientName = 'mysql' | 'mariadb' | 'sqlite3';

/** Lists the clients that a kind of database is used with; MariaDB's own talks to MySQL too. */
export const clientsOf: Readonly<Record<DatabaseKind, readonly ClientName[]>> = {
  sqlite: ['sqlite3'],
  mysql: ['mysql', 'mariadb'],
  mariadb: ['mariadb'],
};

/** Says how a client ended. */
export interface ClientEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Is one line of a result, by column. */
export type Line = Readonly<Record<string, string>>;

/** Gives the path of a client on PATH; undefined: there is none. */
export function programOfClient(name: ClientName): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, name));
  return candidates.find(
    path =>
      isFile(path) &&
      (name !== 'mysql' || !spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout.includes('MariaDB')),
  );
}

/** Gives the clients of a kind of database that this machine has. */
export function clientsHere(kind: DatabaseKind): ClientName[] {
  return clientsOf[kind].filter(name => programOfClient(name) !== undefined);
}

/** Gives the text of one of the project's SQL scripts. */
export function script(name: string): string {
  return readFileSync(resolve(import.meta.dirname, '../../schema', name), 'utf8');
}

/** Is a client at work. */
export interface ClientAtWork {
  readonly ended: Promise<ClientEnd>;
  kill(): void;
}

/**
 * Gives a text to a client on its standard input, as `client DATABASE < FILE` does, in a locale that knows only ASCII;
 * a server gets `first` before it.
 */
export function give(client: ClientName, url: string, text: string, first?: string): ClientAtWork {
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

/** Runs a script that must end well and say nothing on standard error; gives its results that have lines, in order. */
export async function resultsOf(client: ClientName, url: string, text: string, first?: string): Promise<Line[][]> {
  const { code, stdout, stderr } = await give(client, url, text, first).ended;
  if (code !== 0 || stderr !== '') throw new Error(`${client} ended with ${code}:\n${stderr}`);
  return client === 'sqlite3' ? fromJson(stdout) : fromBatch(stdout);
}

function parametersOf(client: ClientName, url: string, first?: string): string[] {
  if (client === 'sqlite3') return ['-init', '/dev/null', '-json', url.slice('sqlite:'.length)];
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

/** Reads what sqlite3 prints as JSON: one array for each result, each on lines of its own. */
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
 * Reads what mysql and mariadb print into a pipe: a header, then fields between tabs, with \t, \n, \0 and \\ for what
 * would break the lines.
 */
function fromBatch(text: string): Line[][] {
  const results: Line[][] = [];
  let names: string[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    const fields = line
      .split('\t')
      .map(field =>
        field.replace(/\\([tn0\\])/g, (_, letter: string) => ({ t: '\t', n: '\n', 0: '\0' })[letter] ?? '\\'),
      );
    if (headers.includes(line)) {
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
