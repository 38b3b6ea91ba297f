import type { TestProject } from 'vitest/node';
import { programOf, startServer, type Server } from './server.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** Holds the URLs of the database servers that tests may use, without a database name. */
    servers: Partial<Record<'mysql' | 'mariadb', string>>;
  }
}

/** Starts one throwaway server of each kind for the whole test run, or uses those that TEST_MYSQL_URL and TEST_MARIADB_URL name. */
export default async function startDatabases(project: TestProject): Promise<() => Promise<void>> {
  const urls: Partial<Record<'mysql' | 'mariadb', string>> = {};
  const started: Server[] = [];
  const missing: string[] = [];
  await Promise.all(
    (['mysql', 'mariadb'] as const).map(async kind => {
      const given = process.env[`TEST_${kind.toUpperCase()}_URL`];
      if (given) urls[kind] = given;
      else if (programOf(kind)) {
        const server = await startServer(kind);
        started.push(server);
        urls[kind] = server.url;
      } else missing.push(kind);
    }),
  );
  project.provide('servers', urls);
  if (missing.length > 0) reportMissing(missing);
  return async () => {
    await Promise.all(started.map(server => server.stop()));
  };
}

function reportMissing(kinds: readonly string[]): void {
  const programs = kinds.map(kind => (kind === 'mysql' ? 'mysqld' : 'mariadbd'));
  const message = `NOT TESTED: ${kinds.join(' and ')}. Put ${programs.join(' and ')} on PATH, or set ${kinds.map(kind => `TEST_${kind.toUpperCase()}_URL`).join(' and ')}.`;
  if (process.env['CI']) throw new Error(message);
  process.stderr.write(`\n${'!'.repeat(message.length)}\n${message}\n${'!'.repeat(message.length)}\n\n`);
}
