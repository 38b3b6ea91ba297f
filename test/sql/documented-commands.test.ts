import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { freshUrl } from '../support/databases.js';
import { addCourses } from '../support/rows.js';
import { programOfClient } from '../support/sql-clients.js';
import { describeInClients } from './expected-lines.js';
import { migrate } from '../support/migrated.js';

const project = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(project, 'docs/sql-scripts.md'), 'utf8');
/** The program that the commands of each kind of database call. */
const programs = { sqlite: 'sqlite3', mysql: 'mysql', mariadb: 'mysql', postgresql: 'psql' };
const commands = [.../^```sh\n(.*?)^```/ms.exec(page)![1]!.matchAll(/^\w.*$/gm)].map(([line]) => line);

describeInClients('the commands of docs/sql-scripts.md', (client, kind) => {
  let folder: string;
  let database: Database;
  let url: string;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rollcall-scripts-'));
    symlinkSync(join(project, 'schema'), join(folder, 'schema'));
    mkdirSync(join(folder, 'data'));
    const fresh =
      kind === 'sqlite'
        ? { url: `sqlite:${join(folder, 'data/rollcall.sqlite')}`, drop: () => Promise.resolve() }
        : freshUrl(kind);
    ({ url } = fresh);
    database = await openDatabase(url);
    await migrate(database);
    await addCourses(database, [{ title: 'Introduction to Python' }]);
    await database.em.getConnection().execute('update core_course set total_enrollments = 25', [], 'run');
    if (kind === 'mysql' || kind === 'mariadb') writeFileSync(join(folder, '.my.cnf'), optionsOf(fresh.url));
    drop = async () => {
      await database.close(true);
      await fresh.drop();
      rmSync(folder, { recursive: true });
    };
  });

  afterEach(() => drop());

  it('the commands of docs/sql-scripts.md print what the page says', () => {
    const mine = commands.filter(command => command.startsWith(`${programs[kind]} `));
    const printed = mine.map(command => shell(command.replace(/^mysql/, client)));
    const line = (stored: number, result: string): unknown =>
      expect.stringMatching(
        new RegExp(`Introduction to Python +\\S total_enrollments +\\S +${stored} +\\S +0 +\\S ${result}\\b`),
      );
    expect(printed).toEqual([
      line(25, 'MISMATCH'),
      line(0, 'OK'),
      ...(kind === 'sqlite' ? [] : ['', expect.stringMatching(/^ *mismatches *\n(?:-+\n *)?0\n/)]),
    ]);
  });

  function shell(command: string): string {
    const program = programOfClient(client)!;
    // Each test has a database of its own, while the page uses one name.
    const text = kind === 'sqlite' ? command : command.replace(/\brollcall\b/, basename(database.config.get('dbName')));
    const { stdout, stderr, status } = spawnSync('bash', ['-c', `${client}() { ${program} "$@"; }; ${text}`], {
      cwd: folder,
      env: { HOME: folder, ...(kind === 'postgresql' && variablesOf(url)) },
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  }
});

/** Returns the variables by which PostgreSQL's programs reach a server. */
function variablesOf(url: string): Record<string, string> {
  const { hostname, port, username, password } = new URL(url);
  return { PGHOST: hostname, PGPORT: port, PGUSER: username, PGPASSWORD: password };
}

/** Returns the text of ~/.my.cnf to reach a server. */
function optionsOf(url: string): string {
  const { hostname, port, username, password } = new URL(url);
  return [
    '[client]',
    `host=${hostname}`,
    `port=${port}`,
    'protocol=TCP',
    `user=${username}`,
    `password=${password}`,
    '[client-mariadb]',
    'skip-ssl',
    '',
  ].join('\n');
}
