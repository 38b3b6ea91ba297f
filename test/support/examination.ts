import { operator } from '../../src/access/viewer.js';
import { readConfig } from '../../src/config/config.js';
import { explanationOf } from '../../src/cli/commands/doctor.js';
import { trustedDocumentsOf } from '../../src/cli/input/trusted-documents.js';
import { openExistingDatabase, type Database } from '../../src/database/database.js';
import { examine } from '../../src/tools/doctor/examine.js';
import type { NamedFinding } from '../../src/tools/doctor/finding.js';

/**
 * The options of an examination: the time limit of a check, in milliseconds, and work before the connections are
 * closed.
 */
export interface ExaminedOptions {
  readonly limit?: number;
  readonly atTheEnd?: () => Promise<unknown>;
}

/** Returns the findings of the doctor on a database, with a secret and these variables. */
export async function examineDatabase(
  url: string,
  env: Readonly<Record<string, string>> = {},
  { limit, atTheEnd }: ExaminedOptions = {},
): Promise<NamedFinding[]> {
  const config = readConfig({
    DATABASE_URL: url,
    JWT_SECRET: 'a secret of the tests, which nobody else knows',
    ...env,
  });
  const opened: Database[] = [];
  const open = async (): Promise<Database> => {
    const database = await openExistingDatabase(url, config.counters === 'triggers' ? 'triggers' : 'hooks');
    opened.push(database);
    return database;
  };
  const explain = (error: unknown): string => explanationOf(error, url);
  try {
    return await Array.fromAsync(
      examine({
        configuration: { mistakes: [], config, database: config },
        caller: operator,
        open,
        explain,
        readDocuments: trustedDocumentsOf,
        limit,
      }),
    );
  } finally {
    await atTheEnd?.();
    for (const database of opened) await database.close(true);
  }
}

/** The finding for the settings by which the tests' own PostgreSQL waits for no disk. */
export const FAST_SERVER = /^fsync, full_page_writes, synchronous_commit are off/;

/** Returns the findings that are not ok, without that for the tests' own server. */
export function problemsIn(findings: readonly NamedFinding[]): NamedFinding[] {
  return findings.filter(({ status, message }) => status !== 'ok' && !FAST_SERVER.test(message));
}

/** Returns the findings of one check. */
export function findingsOf(findings: readonly NamedFinding[], check: string): NamedFinding[] {
  return findings.filter(one => one.check === check);
}
