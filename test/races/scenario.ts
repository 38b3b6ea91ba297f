import type { Arena } from './arena.js';
import type { Operation } from './operations.js';
import type { Race } from './racers.js';

/** One race: its set-up, the operations of the racers, and what must hold beyond exact counts. */
export interface Scenario {
  readonly name: string;
  /** Whether no writer may ever have to run a transaction again. */
  readonly plain?: true;
  readonly run: (arena: Arena) => Promise<Race>;
}

/** Counts the results of a race by code. */
export function codesOf({ results }: Race): Record<string, number> {
  return countsOf(results.map(({ code }) => code));
}

/** Counts the rejections of a race by code: each row of operations on many rows, and each other operation. */
export function refusalsOf({ results }: Race): Record<string, number> {
  return countsOf(results.flatMap(({ refusals }) => refusals));
}

/** Returns the number of successful operations of a race; for operations on many rows, the number of rows. */
export function successCount({ results }: Race): number {
  return results.reduce((sum, { code, added }) => sum + (added ?? (code === 'done' ? 1 : 0)), 0);
}

/** Returns two races as one. */
export function mergeRaces(first: Race, second: Race): Race {
  return {
    results: [...first.results, ...second.results],
    retries: first.retries + second.retries,
    lockWaits: first.lockWaits + second.lockWaits,
  };
}

/** Makes this many values. */
export function times<Value>(count: number, make: () => Value): Value[] {
  return Array.from({ length: count }, make);
}

/** Returns the same values in random order, so that no operation is always first. */
export function shuffled<Value>(values: readonly Value[]): Value[] {
  return values
    .map(value => ({ value, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

/** Returns a row to import as an operation of its own. */
export function importOf(course: number, ...users: readonly number[]): Operation {
  return { name: 'import', rows: users.map(user => ({ course, user })) };
}

function countsOf(codes: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
}
