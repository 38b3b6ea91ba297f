import {
  ForeignKeyConstraintViolationException,
  InvalidFieldNameException,
  TableNotFoundException,
} from '@mikro-orm/core';
import { NoDatabaseFile } from '../../database/database.js';
import { dialects } from '../../database/dialects/dialects.js';
import { withoutPassword } from '../../database/texts/database-url.js';
import { missingAdvice, type NamedDatabase } from '../../database/texts/named-database.js';
import { NotWritable } from '../../map/written-row.js';
import { MigrationRefused } from '../../migrations/migration-refused.js';
import { MissingPrivilegeError } from '../../migrations/missing-privilege-error.js';
import { databaseErrorOf } from '../../transactions/refused-row.js';
import { TransactionError } from '../../transactions/transaction-error.js';
import { CommandError } from './command-error.js';
import { faultText } from './fault-text.js';

/**
 * Returns a CommandError for a failure of the database or of listening that a person can do something about, and every
 * other error as it is.
 */
export function explain(
  error: unknown,
  databaseUrl: string,
  { setting = 'DATABASE_URL', isOwn = true }: Partial<Omit<NamedDatabase, 'url'>> = {},
): unknown {
  // These say more than the server's own words, which are their cause.
  if ([CommandError, MissingPrivilegeError, MigrationRefused].some(kind => error instanceof kind)) return error;
  if (error instanceof TransactionError && error.code === 'COMMIT_UNKNOWN') return error;
  const named: NamedDatabase = { setting, url: withoutPassword(databaseUrl), isOwn };
  const texts = reasonsOf(error).map(
    reason =>
      schemaText(reason, named) ??
      rowText(reason) ??
      listeningText(reason) ??
      hostText(reason, named) ??
      dialectText(reason, named) ??
      faultText(reason, named),
  );
  const text = texts.find(one => one !== null);
  return text ? new CommandError(text, { cause: error }) : error;
}

/** What system calls and drivers put on their errors. */
interface Reason {
  readonly code?: string;
  readonly syscall?: string;
  readonly port?: number;
  readonly address?: string;
  readonly hostname?: string;
  /** The variable that the address comes from. */
  readonly variable?: string;
  readonly message?: string;
}

/** Returns an error, the errors that it is made of, and its causes. */
function reasonsOf(error: unknown): Reason[] {
  if (typeof error !== 'object' || error === null) return [];
  const { cause, errors } = error as { cause?: unknown; errors?: readonly unknown[] };
  return [error, ...(errors ?? []).flatMap(reasonsOf), ...reasonsOf(cause)];
}

function schemaText(reason: Reason, named: NamedDatabase): string | null {
  if (reason instanceof NoDatabaseFile) return `${reason.message} ${missingAdvice(named)}.`;
  if (!(reason instanceof TableNotFoundException || reason instanceof InvalidFieldNameException)) return null;
  const lacks = reason.message.split('\n')[0];
  return named.isOwn
    ? `The database lacks something that this version needs: ${lacks}. Apply the migrations with "rollcall migrate up".`
    : `The database lacks something that the map names: ${lacks}. Examine it with "rollcall adopt --check".`;
}

/** Returns why another application's database cannot have a change. */
function rowText(reason: Reason): string | null {
  if (databaseErrorOf(reason) instanceof ForeignKeyConstraintViolationException)
    return 'Another table of the database refers to a row that was to be deleted. Remove what refers to it first.';
  return reason instanceof NotWritable ? reason.message : null;
}

function listeningText({ code, syscall, address, port, variable = 'PORT' }: Reason): string | null {
  // In a worker it is the primary process that binds the address.
  if (syscall !== 'listen' && syscall !== 'bind') return null;
  if (code === 'EADDRINUSE')
    return `Port ${port} of ${address} is in use. Stop the program that listens there, or set ${variable} to another port; 0 takes any free one.`;
  if (code === 'EACCES') return `This user is not allowed to open port ${port}. Set ${variable} to a port above 1023.`;
  return `This machine cannot listen on ${address} (${code}). Set ${variable === 'PORT' ? 'HOST' : variable} to an address of this machine, such as localhost or 0.0.0.0.`;
}

function hostText({ code, syscall, hostname }: Reason, { setting, url }: NamedDatabase): string | null {
  return syscall === 'getaddrinfo'
    ? `The host ${hostname} is not known (${code}). Correct ${setting} (${url}) or HOST.`
    : null;
}

/** Returns what a dialect knows about an error of its own database. */
function dialectText(reason: Reason, named: NamedDatabase): string | null {
  for (const dialect of Object.values(dialects)) {
    const text = dialect.explain(reason, named);
    if (text !== null) return text;
  }
  return null;
}
