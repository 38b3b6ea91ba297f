import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openDatabase } from '../../src/database/database.js';
import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import { freshUrl } from '../support/databases.js';
import { freePort } from '../support/free-port.js';
import { clientsHere, programOfClient, type ClientName } from '../support/sql-clients.js';
import { addExampleSchool } from './example-school.js';
import { openShell, type Printed } from './shell.js';
import { migrate } from '../support/migrated.js';

const project = resolve(import.meta.dirname, '../..');
const main = join(project, 'dist/cli/main.js');
const SHOWN = 'localhost:4000';

/** A fresh folder in which the commands of one page run, with the example school in its database. */
export interface PagePlace {
  /** Runs a command with port 4000 replaced by this place's own port, and back in the output. */
  readonly type: (command: string) => Promise<Printed>;
  readonly leave: () => Promise<void>;
}

/**
 * Returns a place on a database of a kind: SQLite's is data/rollcall.sqlite in the folder; a server's is what the
 * clients use there.
 */
export async function pagePlace(kind: DatabaseKind): Promise<PagePlace> {
  const folder = mkdtempSync(join(tmpdir(), 'rollcall-page-'));
  mkdirSync(join(folder, 'data'));
  symlinkSync(join(project, 'schema'), join(folder, 'schema'));
  const { url, drop } =
    kind === 'sqlite'
      ? { url: `sqlite:${join(folder, 'data/rollcall.sqlite')}`, drop: () => Promise.resolve() }
      : freshUrl(kind);
  const database = await openDatabase(url);
  await migrate(database);
  await addExampleSchool(database);
  await database.close(true);
  mkdirSync(join(folder, 'bin'));
  putRollcall(folder);
  if (kind !== 'sqlite') putClient(folder, clientsHere(kind)[0]!, url);
  const own = `127.0.0.1:${await freePort()}`;
  const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`;
  const shell = openShell(folder, {
    PATH,
    HOME: folder,
    USER: 'operator',
    LC_ALL: 'C.UTF-8',
    HOST: '127.0.0.1',
    PORT: own.split(':')[1]!,
    ...(kind !== 'sqlite' && { DATABASE_URL: url }),
  });
  return {
    async type(command) {
      const { code, output } = await shell.type(command.replaceAll(SHOWN, own));
      if (command.endsWith('&')) await untilItSays(folder, command);
      return { code, output: output.replaceAll(own, SHOWN) };
    },
    async leave() {
      await shell.leave();
      await drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes `rollcall`, and `npm run -s rollcall --`, run the program of the project's folder. */
function putRollcall(folder: string): void {
  putProgram(folder, 'rollcall', process.execPath, main);
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, scripts: { rollcall: 'rollcall' } }));
}

/**
 * Makes `mysql` the database's own client, with an options file for its account, so that no command line contains a
 * password.
 */
function putClient(folder: string, client: ClientName, url: string): void {
  const { hostname, port, username, password, pathname } = new URL(url);
  const account = `host=${hostname}
port=${port || 3306}
user=${decodeURIComponent(username)}
password="${decodeURIComponent(password)}"
protocol=tcp
`;
  putProgram(folder, 'mysql', programOfClient(client)!);
  writeFileSync(
    join(folder, '.my.cnf'),
    `[client]
${account}${client === 'mysql' ? 'ssl-mode=DISABLED' : 'skip-ssl'}
[mysql]
database=${pathname.slice(1)}
`,
  );
}

function putProgram(folder: string, name: string, ...command: string[]): void {
  const program = join(folder, 'bin', name);
  writeFileSync(
    program,
    `#!/bin/sh
exec ${command.map(part => `'${part}'`).join(' ')} "$@"
`,
  );
  chmodSync(program, 0o755);
}

/** Returns when a background command has written to the file of its output: it is running then. */
async function untilItSays(folder: string, command: string): Promise<void> {
  const [, file] = /\s> *([^\s&]+)/.exec(command) ?? [];
  if (!file)
    throw new Error(
      'Send the output of what runs in the background to a file, "> FILE 2>&1 &", because that shows when it is at work.',
    );
  while (!statSync(join(folder, file), { throwIfNoEntry: false })?.size) await delay(20);
  if (/^Something unexpected/m.test(readFileSync(join(folder, file), 'utf8')))
    throw new Error(readFileSync(join(folder, file), 'utf8'));
}
