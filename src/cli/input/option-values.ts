import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';
import { numberIn, Role, uuidIn } from '../../entities/index.js';
import { isLifetime, type Lifetime } from '../../access/tokens.js';

/** Returns what reads a whole number of at least `min` from an option. Errors: InvalidArgumentError. */
export function wholeNumber(min: number): (text: string) => number {
  return text => {
    const number = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= min) return number;
    throw new InvalidArgumentError(`Give a whole number from ${min}.`);
  };
}

/** Reads an id of a row: a number, or a UUID, of which only the database knows the form. Errors: InvalidArgumentError. */
export function id(text: string): string {
  if (numberIn(text) !== null || uuidIn(text) !== null) return text;
  throw new InvalidArgumentError('Give a whole number from 1, or a UUID where ids are UUIDs.');
}

/**
 * Reads an id from an option that can be given several times, and adds it to those before it. Errors:
 * InvalidArgumentError.
 */
export function ids(text: string, before: readonly string[] = []): string[] {
  return [...before, id(text)];
}

/** The most workers: more would only wait for each other. */
const MAX_WORKERS = 256;

/** Reads a number of workers; `auto` is one for each processor that this process may use. Errors: InvalidArgumentError. */
export function workers(text: string): number {
  if (text === 'auto') return Math.min(availableParallelism(), MAX_WORKERS);
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MAX_WORKERS) return number;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${MAX_WORKERS}, or auto for one per processor.`);
}

/** Reads a role in any letter case. Errors: InvalidArgumentError. */
export function roleNamed(text: string): Role {
  const role = Object.values(Role).find(one => one === text.toLowerCase());
  if (role) return role;
  throw new InvalidArgumentError(`Give ${Object.values(Role).join(', ')}.`);
}

/** Reads a span of time such as 15m. Errors: InvalidArgumentError. */
export function lifetime(text: string): Lifetime {
  if (isLifetime(text)) return text;
  throw new InvalidArgumentError('Give a number of seconds, minutes, hours or days, such as 90s, 15m, 1h or 30d.');
}
