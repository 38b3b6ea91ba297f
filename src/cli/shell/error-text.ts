import { Recoverable } from 'node:repl';
import { inspect } from 'node:util';
import { AccessError } from '../../access/access.js';
import { shownKeysIn } from '../../entities/index.js';
import { faultWithin } from '../../database/faults/fault-of.js';
import { WorkStopped } from '../../database/time-limits/time-limit.js';
import { NotWritable } from '../../map/written-row.js';
import { callerError } from '../../transactions/caller-error.js';
import { CommandError } from '../failures/command-error.js';
import { explain } from '../failures/explain.js';
import { isExpected } from '../failures/failure-text.js';
import { Refusal } from './refusal.js';

/** The code of Node's error for a line that was interrupted. */
export const INTERRUPTED = 'ERR_SCRIPT_EXECUTION_INTERRUPTED';

/** Returns what to print about an error of a line: its code, what is wrong, and what to do if that is known. */
export function errorText(error: unknown, databaseUrl: string): string {
  if (error instanceof Recoverable) return `SyntaxError: ${error.err.message}`;
  if (error instanceof WorkStopped)
    return error.reason === 'client_gone' ? 'Interrupted.' : `Interrupted: ${error.limit.seconds} s are over.`;
  const known = callerError(error, { limit: undefined, lost: undefined, lastTrouble: undefined });
  // A mistake in SQL, or in a row, is one of the line, and not of the database.
  const isOfLine = ['mistaken', 'row_refused'].includes(faultWithin(error)?.kind ?? '');
  const told = isOfLine && !(known instanceof NotWritable) ? known : explain(known, databaseUrl);
  if ((told as { readonly code?: unknown } | null)?.code === INTERRUPTED) return 'Interrupted.';
  if (told instanceof CommandError) return told.message;
  if (told instanceof Refusal) return told.problems.map(({ code, message }) => `${code}: ${message}`).join('\n');
  if (isExpected(told) || told instanceof AccessError) {
    const { code } = told as { readonly code?: unknown };
    return shownKeysIn(typeof code === 'string' ? `${code}: ${told.message}` : told.message);
  }
  // Made by the code of the line, or about it.
  if (told instanceof Error) return `${told.name}: ${told.message.split('\n')[0]}`;
  return `Thrown: ${inspect(told)}`;
}
