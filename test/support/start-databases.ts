import { randomUUID } from 'node:crypto';
import type { TestProject } from 'vitest/node';
import { browserProgram } from './browser.js';
import { useMemoryForFiles } from './memory-folder.js';
import { dropPostgresqlDatabases, postgresqlFolder, startPostgresql } from './postgresql.js';
import { redisProgram } from './redis.js';
import { dropDatabases, programOf, serverKinds, shareEmptyData, startServer, type ServerKind } from './server.js';
import { clientsOf, programOfClient } from './sql-clients.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The URLs of the database servers that tests may use, without a database name. */
    servers: Partial<Record<ServerKind | 'postgresql', string>>;
    /** How the names of this run's databases on the servers begin. */
    namesBegin: string;
  }
}

/**
 * Starts one throwaway server of each kind for the whole test run, or uses those that TEST_MYSQL_URL,
 * TEST_MARIADB_URL and TEST_POSTGRESQL_URL name.
 */
export default async function startDatabases(project: TestProject): Promise<() => Promise<void>> {
  const here = serverKinds.filter(kind => given(kind) || programOf(kind));
  reportMissing(here);
  const useDiskAgain = useMemoryForFiles();
  const urls: Partial<Record<ServerKind | 'postgresql', string>> = { postgresql: given('postgresql') };
  const ends: (() => void | Promise<void>)[] = [];
  const startEngineServer = async (): Promise<void> => {
    if (urls.postgresql || !postgresqlFolder()) return;
    const server = await startPostgresql();
    ends.push(() => server.stop());
    urls.postgresql = server.url;
  };
  await Promise.all([
    startEngineServer(),
    ...here.map(async kind => {
      // Tests start servers of their own too, even where this run was given one.
      if (programOf(kind)) ends.push(await shareEmptyData(kind));
      urls[kind] = given(kind);
      if (urls[kind]) return;
      // The system keeps what a process has written; only a power cut needs the disk, and no test cuts the power.
      const server = await startServer(kind, ['--innodb-flush-method=nosync']);
      ends.push(() => server.stop());
      urls[kind] = server.url;
    }),
  ]);
  const namesBegin = `test_${randomUUID().slice(0, 8)}_`;
  for (const kind of [...serverKinds, 'postgresql'] as const) {
    const url = given(kind);
    // Tests leave databases for other tests; those on a server of this run end with it.
    if (url) ends.push(() => (kind === 'postgresql' ? dropPostgresqlDatabases : dropDatabases)(url, namesBegin));
  }
  project.provide('servers', urls);
  project.provide('namesBegin', namesBegin);
  return async () => {
    await Promise.all(ends.map(async end => end()));
    useDiskAgain();
  };
}

/** Returns the server of a kind in this run; undefined: there is none. */
function given(kind: ServerKind | 'postgresql'): string | undefined {
  return process.env[`TEST_${kind.toUpperCase()}_URL`] || undefined;
}

/**
 * Prints a warning about the databases, clients and pages that this run cannot test; with CI=true that is a failure.
 */
function reportMissing(here: readonly ServerKind[]): void {
  const kinds = serverKinds.filter(kind => !here.includes(kind));
  const clients = new Set(
    (['sqlite', ...here, 'postgresql'] as const)
      .flatMap(kind => clientsOf[kind])
      .filter(name => !programOfClient(name)),
  );
  const messages: string[] = [];
  if (kinds.length > 0) {
    const programs = kinds.map(kind => (kind === 'mysql' ? 'mysqld' : 'mariadbd'));
    messages.push(
      `NOT TESTED: ${kinds.join(' and ')}. Put ${programs.join(' and ')} on PATH, or set ${kinds.map(kind => `TEST_${kind.toUpperCase()}_URL`).join(' and ')}.`,
    );
  }
  if (!given('postgresql') && !postgresqlFolder())
    messages.push(
      'NOT TESTED: the counters engine on postgresql. Put initdb and postgres on PATH, or set TEST_POSTGRESQL_URL.',
    );
  for (const name of clients)
    messages.push(
      `NOT TESTED: the SQL scripts in ${name}. Put ${name === 'mysql' ? "MySQL's own mysql, which is not MariaDB's," : name} on PATH.`,
    );
  if (!redisProgram()) messages.push('NOT TESTED: the limits of rates in Redis. Put redis-server on PATH.');
  if (!browserProgram()) messages.push('NOT TESTED: the pages for exploring in a browser. Put chromium on PATH.');
  if (messages.length === 0) return;
  if (process.env['CI']) throw new Error(messages.join('\n'));
  const line = '!'.repeat(Math.max(...messages.map(({ length }) => length)));
  process.stderr.write(`\n${line}\n${messages.join('\n')}\n${line}\n\n`);
}
