import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { AbstractSqlConnection } from '@mikro-orm/sql';
import { CompiledQuery } from 'kysely';
import { faultOf, type FaultKind } from '../../database/faults/database-errors.js';
import { databaseKindOf, type Database } from '../../database/database.js';
import { asProbe } from '../../database/connections/purposes.js';
import { WorkStopped, withinOwnLimit } from '../../database/time-limits/time-limit.js';
import type { DatabaseFaults } from './database-faults.js';

/** Limits how long the database may take for the simplest questions, in milliseconds. */
const PATIENCE = 2000;

/**
 * The kinds of fault that no question finds which changes nothing: whether there is room, and whether SQLite's file may
 * be written as it was opened.
 */
const UNSEEN = { sqlite: ['full', 'read_only'], mysql: ['full'], mariadb: ['full'] } as const satisfies Record<
  string,
  readonly FaultKind[]
>;

/** What is said of the database, by the kind of a fault; of each other kind, that it does not answer. */
const words: Partial<Record<FaultKind, string>> = {
  crowded: 'takes no more connections',
  read_only: 'takes no changes',
  full: 'has no room for changes',
};

/** Reports that a database takes no changes, though nothing that it was asked has failed. */
class TakesNoChanges extends Error {
  constructor(why: string) {
    super(`The database ${words.read_only} (${why}).`);
  }
}

/** Gives why requests cannot be served now; null: the database answers, and takes changes as far as is known. */
export async function reasonNotReady(database: Database, faults: DatabaseFaults): Promise<string | null> {
  const kind = databaseKindOf(database);
  try {
    await withinPatience(() => (kind === 'sqlite' ? askFile(database) : askServer(database, kind)));
  } catch (error) {
    const fault = faultOf(error);
    if (!fault)
      return error instanceof TakesNoChanges || error instanceof TooLate
        ? error.message
        : 'The database does not answer (unknown reason).';
    // What is in the way of a question for a moment, or ends it, is no sign that the database is away.
    if (fault.away || fault.told === null)
      return `The database ${words[fault.kind] ?? 'does not answer'} (${(error as { code?: string }).code ?? fault.number}).`;
  }
  const met = faults.recent(UNSEEN[kind]);
  return met ? `The database ${words[met.kind]}, it said a moment ago (${met.number}).` : null;
}

/** Asks an SQLite file, and whether it may be written. Errors: the database's; TakesNoChanges. */
async function askFile(database: Database): Promise<void> {
  await database.em.getConnection().execute('select 1');
  const path = database.config.get('dbName');
  if (path === undefined || path === ':memory:') return;
  // A file system that is read only refuses this to everybody.
  await access(path, constants.W_OK).catch(({ code }: NodeJS.ErrnoException) => {
    throw new TakesNoChanges(code!);
  });
}

/**
 * Asks a server, and whether it takes changes from this user, by the transaction that it would not begin otherwise.
 * Errors: the database's; TakesNoChanges.
 */
async function askServer(database: Database, kind: 'mysql' | 'mariadb'): Promise<void> {
  const client = (database.em.getConnection() as AbstractSqlConnection).getClient();
  // What transactions may do that do not say it, as ours; and, whatever they say, InnoDB.
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

/** Reports that a database has taken too long. */
class TooLate extends Error {}

/**
 * Gives what the database answers to a question for which a connection is kept, so that it waits for nobody's work; one
 * that is not answered in time is given up with its connection. Errors: those of the question, or that it takes too
 * long.
 */
export async function withinPatience<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await withinOwnLimit(PATIENCE / 1000, () => asProbe(question));
  } catch (error) {
    throw error instanceof WorkStopped
      ? new TooLate(`The database has not answered for ${PATIENCE} ms.`, { cause: error })
      : error;
  }
}
