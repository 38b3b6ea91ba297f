import { InvalidFieldNameException, TableNotFoundException } from '@mikro-orm/core';
import { NoDatabaseFile } from '../../database/database.js';
import { dialects } from '../../database/dialects/dialects.js';
import { withoutPassword } from '../../database/texts/database-url.js';
import { MigrationRefused } from '../../migrations/migration-refused.js';
import { MissingPrivilegeError } from '../../migrations/missing-privilege-error.js';
import { MapError } from '../../tools/adopt/map/map-form.js';
import { TransactionError } from '../../transactions/transaction-error.js';
import { CommandError } from './command-error.js';
import { faultText } from './fault-text.js';

/**
 * Returns a CommandError for a failure of the database or of listening that a person can do something about, and every
 * other error as it is.
 */
export function explain(error: unknown, databaseUrl: string): unknown {
  // These say more than the server's own words, which are their cause.
  if (error instanceof MissingPrivilegeError || error instanceof MigrationRefused) return error;
  if (error instanceof MapError) return new CommandError(error.message, { cause: error });
  if (error instanceof TransactionError && error.code === 'COMMIT_UNKNOWN') return error;
  const url = withoutPassword(databaseUrl);
  const texts = reasonsOf(error).map(
    reason =>
      schemaText(reason) ??
      listeningText(reason) ??
      hostText(reason, url) ??
      dialectText(reason, url) ??
      faultText(reason, url),
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

function schemaText(reason: Reason): string | null {
  if (reason instanceof NoDatabaseFile)
    return `${reason.message} Create it with "rollcall migrate up", or correct DATABASE_URL.`;
  if (!(reason instanceof TableNotFoundException || reason instanceof InvalidFieldNameException)) return null;
  return `The database lacks something that this version needs: ${reason.message.split('\n')[0]}. Apply the migrations with "rollcall migrate up".`;
}

function listeningText({ code, syscall, address, port, variable = 'PORT' }: Reason): string | null {
  // In a worker it is the primary process that binds the address.
  if (syscall !== 'listen' && syscall !== 'bind') return null;
  if (code === 'EADDRINUSE')
    return `Port ${port} of ${address} is in use. Stop the program that listens there, or set ${variable} to another port; 0 takes any free one.`;
  if (code === 'EACCES') return `This user is not allowed to open port ${port}. Set ${variable} to a port above 1023.`;
  return `This machine cannot listen on ${address} (${code}). Set ${variable === 'PORT' ? 'HOST' : variable} to an address of this machine, such as localhost or 0.0.0.0.`;
}

function hostText({ code, syscall, hostname }: Reason, url: string): string | null {
  return syscall === 'getaddrinfo'
    ? `The host ${hostname} is not known (${code}). Correct DATABASE_URL (${url}) or HOST.`
    : null;
}

/** Returns what a dialect knows about an error of its own database. */
function dialectText(reason: Reason, url: string): string | null {
  for (const dialect of Object.values(dialects)) {
    const text = dialect.explain(reason, url);
    if (text !== null) return text;
  }
  return null;
}
