import { inspect } from 'node:util';
import { InvalidFieldNameException, TableNotFoundException } from '@mikro-orm/core';
import { ConfigError } from '../config/config.js';
import { NoDatabaseFile } from '../database/database.js';
import { CounterError, isUnsafeNumber } from '../counters/index.js';
import { faultOf, type FaultKind } from '../database/faults/database-errors.js';
import { withoutPassword } from '../database/texts/database-url.js';
import { SchemaError } from '../database/schema/schema-error.js';
import { shownPath } from '../database/texts/shown-text.js';
import { TrustedDocumentsError } from '../graphql/documents/trusted-documents-error.js';
import { MigrationRefused } from '../migrations/migration-refused.js';
import { MissingPrivilegeError } from '../migrations/missing-privilege-error.js';
import { BackupError } from '../tools/backup/backup-error.js';
import { ImportError } from '../tools/import/import-error.js';
import { TokenError } from '../access/token-error.js';
import { TransactionError } from '../transactions/transaction-error.js';

/** Says that a command cannot do what it was asked, and what to do next. */
export class CommandError extends Error {
  readonly code = 'COMMAND_REFUSED';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
  }
}

/** Gives what to tell a person about a failure: one line with the way out; an unexpected one is given whole. */
export function failureText(error: unknown): string {
  const expected =
    [
      ConfigError,
      TrustedDocumentsError,
      BackupError,
      CounterError,
      ImportError,
      MigrationRefused,
      MissingPrivilegeError,
      SchemaError,
      TokenError,
      TransactionError,
      CommandError,
    ].some(kind => error instanceof kind) || isUnsafeNumber(error);
  return expected
    ? (error as Error).message
    : `Something unexpected failed. Please report it, with this:\n${inspect(error)}`;
}

/**
 * Gives a CommandError for a failure of the database or of listening that a person can do something about; others stay
 * as they are.
 */
export function explained(error: unknown, databaseUrl: string): unknown {
  // It says more than the server's own words, which are its cause.
  if (error instanceof MissingPrivilegeError || error instanceof MigrationRefused) return error;
  if (error instanceof TransactionError && error.code === 'COMMIT_UNKNOWN') return error;
  const explanations = reasonsOf(error).map(
    reason =>
      schemaReason(reason, withoutPassword(databaseUrl)) ??
      listeningReason(reason) ??
      serverReason(reason, withoutPassword(databaseUrl)) ??
      fileReason(reason) ??
      faultReason(reason, withoutPassword(databaseUrl)),
  );
  const explanation = explanations.find(text => text !== null);
  return explanation ? new CommandError(explanation, { cause: error }) : error;
}

/** Is what system calls, drivers and SQLite put on their errors. */
interface Reason {
  readonly code?: string;
  readonly errcode?: number;
  readonly syscall?: string;
  readonly path?: string;
  readonly port?: number;
  readonly address?: string;
  readonly hostname?: string;
  /** Names the variable that the address comes from. */
  readonly variable?: string;
  readonly message?: string;
}

function reasonsOf(error: unknown): Reason[] {
  if (typeof error !== 'object' || error === null) return [];
  const { cause, errors } = error as { cause?: unknown; errors?: readonly unknown[] };
  return [error as Reason, ...(errors ?? []).flatMap(reasonsOf), ...reasonsOf(cause)];
}

function schemaReason(reason: Reason, url: string): string | null {
  if (reason instanceof NoDatabaseFile)
    return `${reason.message} "rollcall migrate up" makes one; or correct DATABASE_URL.`;
  if (reason.code === 'ER_BAD_DB_ERROR')
    return `The server has no such database. "rollcall migrate up" makes it; or correct DATABASE_URL (${url}).`;
  if (!(reason instanceof TableNotFoundException || reason instanceof InvalidFieldNameException)) return null;
  return `The database lacks something that this version needs: ${reason.message.split('\n')[0]}. Apply the migrations with "rollcall migrate up".`;
}

function listeningReason({ code, syscall, address, port, variable = 'PORT' }: Reason): string | null {
  if (syscall !== 'listen') return null;
  if (code === 'EADDRINUSE')
    return `Port ${port} of ${address} is in use. Stop what listens there, or set ${variable} to another one; 0 takes any that is free.`;
  if (code === 'EACCES') return `Port ${port} may not be opened by this user. Set ${variable} to one above 1023.`;
  return `This machine cannot listen on ${address} (${code}). Set ${variable === 'PORT' ? 'HOST' : variable} to an address of its own, such as localhost or 0.0.0.0.`;
}

function serverReason({ code, syscall, hostname, message }: Reason, url: string): string | null {
  if (syscall === 'getaddrinfo')
    return `The host ${hostname} is not known (${code}). Correct DATABASE_URL (${url}) or HOST.`;
  if (unreachable.has(code ?? ''))
    return `The database does not answer (${code}). Start it, or correct DATABASE_URL (${url}).`;
  if (code === 'ER_LOCK_WAIT_TIMEOUT')
    return 'Another session has kept locked what this needs for too long. End its transaction ("show full processlist" names it), or try again later.';
  if (!['ER_ACCESS_DENIED_ERROR', 'ER_DBACCESS_DENIED_ERROR'].includes(code ?? '')) return null;
  return `The database refuses the user: ${message?.split('\n')[0]}. Correct DATABASE_URL (${url}), or grant the rights.`;
}

const unreachable = new Set([
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ECONNRESET',
  'PROTOCOL_CONNECTION_LOST',
]);

/** What to do about other faults of a database, by their kind. */
const faultReasons: Partial<Record<FaultKind, (number: number | string, url: string) => string>> = {
  disconnected: (number, url) =>
    `The database does not answer (${number}). Start it, or correct DATABASE_URL (${url}).`,
  stopped: (number, url) =>
    `The database does not serve now (${number}). Wait until it does, or correct DATABASE_URL (${url}).`,
  crowded: number =>
    `The database takes no more connections (${number}). End some, raise its limit, or try again later.`,
  read_only: (number, url) =>
    `The database takes no changes (${number}): it is a replica, or was set to read only. Correct DATABASE_URL (${url}), or wait until it takes them.`,
  full: number => `The database has no room for changes (${number}). Make room on its disk.`,
  exhausted: number =>
    `The database has run out of memory, of threads or of files (${number}). Give it more, or try again later.`,
  refused: (number, url) =>
    `The database does not let this user in (${number}). Correct DATABASE_URL (${url}), or have it let in.`,
  denied: number =>
    `The database does not let this user do that (${number}). Grant the rights; "rollcall doctor" names them.`,
  broken: number =>
    `The database cannot read or write its files (${number}). Look at its log, and have it repaired or restored.`,
};

function faultReason(reason: Reason, url: string): string | null {
  const fault = faultOf(reason);
  const text = fault && faultReasons[fault.kind]?.(fault.number, url);
  // What it says itself names the table or the file.
  return text ? `${text} It says: ${fault.message}` : null;
}

const sqliteReasons: Readonly<Record<number, string>> = {
  5: 'The database file is being written by another process. Stop it, or try again.',
  8: 'The database file may not be written. Change its permissions and those of its folder, or set DATABASE_URL to another file.',
  10: 'The database file cannot be read or written, for the disk or what it is on fails. Set DATABASE_URL to another file.',
  13: 'The disk of the database file is full. Make room.',
  14: 'The database file cannot be opened. Make its folder writable, or set DATABASE_URL to another file.',
  26: 'The file that DATABASE_URL names is no SQLite database. Set DATABASE_URL to another file.',
};

function fileReason({ code, errcode, syscall, path }: Reason): string | null {
  // The low byte is the primary result code.
  if (code === 'ERR_SQLITE_ERROR' && errcode !== undefined) return sqliteReasons[errcode & 0xff] ?? null;
  if (syscall === 'mkdir')
    return `The folder ${shownPath(path ?? '')} for the database file cannot be made (${code}). Make it writable, or set DATABASE_URL to another file.`;
  return null;
}
