import { inspect } from 'node:util';
import { InvalidFieldNameException, TableNotFoundException } from '@mikro-orm/core';
import { ConfigError } from '../config/config.js';
import { NoDatabaseFile } from '../database/database.js';
import { CounterError, isUnsafeNumber } from 'mikro-orm-counters';
import { dialects } from '../database/dialects/dialects.js';
import type { FaultKind } from '../database/faults/fault.js';
import { faultOf } from '../database/faults/fault-of.js';
import { withoutPassword } from '../database/texts/database-url.js';
import { SchemaError } from '../database/schema/schema-error.js';
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
      schemaReason(reason) ??
      listeningReason(reason) ??
      hostReason(reason, withoutPassword(databaseUrl)) ??
      databaseReason(reason, withoutPassword(databaseUrl)) ??
      faultReason(reason, withoutPassword(databaseUrl)),
  );
  const explanation = explanations.find(text => text !== null);
  return explanation ? new CommandError(explanation, { cause: error }) : error;
}

/** What system calls and drivers put on their errors. */
interface Reason {
  readonly code?: string;
  readonly syscall?: string;
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
  return [error, ...(errors ?? []).flatMap(reasonsOf), ...reasonsOf(cause)];
}

function schemaReason(reason: Reason): string | null {
  if (reason instanceof NoDatabaseFile)
    return `${reason.message} "rollcall migrate up" makes one; or correct DATABASE_URL.`;
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

function hostReason({ code, syscall, hostname }: Reason, url: string): string | null {
  return syscall === 'getaddrinfo'
    ? `The host ${hostname} is not known (${code}). Correct DATABASE_URL (${url}) or HOST.`
    : null;
}

/** Returns what a database says of an error; each knows its own. */
function databaseReason(reason: Reason, url: string): string | null {
  for (const { explain } of Object.values(dialects)) {
    const text = explain(reason, url);
    if (text !== null) return text;
  }
  return null;
}

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
