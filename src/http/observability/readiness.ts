import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import { CompiledQuery } from 'kysely';
import { faultOf, type FaultKind } from '../../database/faults/database-errors.js';
import { databaseKindOf, type Database } from '../../database/database.js';
import { asProbe } from '../../database/connections/purposes.js';
import { WorkStopped, withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { DatabaseFaults } from './database-faults.js';

/** The longest time that the database may take for a probe, in milliseconds. */
const MAX_PROBE_MS = 2000;

/**
 * The kinds of faults that a probe cannot find because it changes nothing: a full disk, and an SQLite file that was
 * opened read-only.
 */
const UNPROBED_FAULTS = { sqlite: ['full', 'read_only'], mysql: ['full'], mariadb: ['full'] } as const satisfies Record<
  string,
  readonly FaultKind[]
>;

/** What /readyz says of the database, by the kind of a fault; for any other kind, that it does not answer. */
const faultDescriptions: Partial<Record<FaultKind, string>> = {
  crowded: 'takes no more connections',
  read_only: 'takes no changes',
  full: 'has no room for changes',
};

/** The error of a database that accepts no changes although no probe failed. */
class TakesNoChanges extends Error {
  constructor(why: string) {
    super(`The database ${faultDescriptions.read_only} (${why}).`);
  }
}

/** Returns why requests cannot be served now; null if the database answers and, as far as known, accepts changes. */
export async function reasonNotReady(database: Database, faults: DatabaseFaults): Promise<string | null> {
  const kind = databaseKindOf(database);
  try {
    await withinProbeTime(() => (kind === 'sqlite' ? askFile(database) : askServer(database, kind)));
  } catch (error) {
    const fault = faultOf(error);
    if (!fault)
      return error instanceof TakesNoChanges || error instanceof TooLate
        ? error.message
        : 'The database does not answer (unknown reason).';
    // A fault that blocks or ends one probe for a moment does not mean that the database is away.
    if (fault.away || fault.told === null)
      return `The database ${faultDescriptions[fault.kind] ?? 'does not answer'} (${(error as { code?: string }).code ?? fault.number}).`;
  }
  const met = faults.recent(UNPROBED_FAULTS[kind]);
  return met ? `The database ${faultDescriptions[met.kind]}, as it reported a moment ago (${met.number}).` : null;
}

/** Probes an SQLite file and whether it is writable. Errors: those of the database; TakesNoChanges. */
async function askFile(database: Database): Promise<void> {
  await database.em.getConnection().execute('select 1');
  const path = database.config.get('dbName');
  if (path === undefined || path === ':memory:') return;
  // A read-only file system refuses this even to root.
  await access(path, constants.W_OK).catch(({ code }: NodeJS.ErrnoException) => {
    throw new TakesNoChanges(code!);
  });
}

/**
 * Probes a server and, with a transaction for writing, whether it accepts changes from this user. Errors: those of the
 * database; TakesNoChanges.
 */
async function askServer(database: Database, kind: 'mysql' | 'mariadb'): Promise<void> {
  const client = (database.em.getConnection() as AbstractSqlConnection).getClient();
  // The default of transactions that name no access mode, as ours, and InnoDB's own read-only mode.
  const setting = `@@session.${kind === 'mysql' ? 'transaction' : 'tx'}_read_only`;
  await client.connection().execute(async connection => {
    const ask = (sql: string) => connection.executeQuery<{ readonly closed: number }>(CompiledQuery.raw(sql));
    try {
      await ask('start transaction read write');
      const { rows } = await ask(`select ${setting} or @@innodb_read_only as closed`);
      if (Number(rows[0]!.closed) === 1) throw new TakesNoChanges('read only');
    } catch (error) {
      await ask('rollback').catch(() => undefined);
      throw error;
    }
    await ask('rollback');
  });
}

/** The error of a database that took too long. */
class TooLate extends Error {}

/**
 * Returns the database's answer to a question, for which a connection is reserved so that it never waits for other
 * work. If the answer takes too long, the question and its connection are given up. Errors: those of the question;
 * TooLate.
 */
export async function withinProbeTime<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await withinOwnLimit(MAX_PROBE_MS / 1000, () => asProbe(question));
  } catch (error) {
    throw error instanceof WorkStopped
      ? new TooLate(`The database has not answered for ${MAX_PROBE_MS} ms.`, { cause: error })
      : error;
  }
}
