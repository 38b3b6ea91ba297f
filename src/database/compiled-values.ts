import { storedKey } from '../entities/index.js';

/** The lists of values of statements that the query builder has compiled. */
const compiled = new WeakSet<readonly unknown[]>();

/**
 * Returns a list of values as the database takes them, marked: the query builder has compiled its statement, with the
 * places for values that the database itself knows, and not those of MikroORM. The mark is on the values, because they
 * pass unchanged through MikroORM.
 */
export function compiledValues(values: readonly unknown[]): unknown[] {
  const stored = values.map(storedKey);
  compiled.add(stored);
  return stored;
}

/** Returns true for values that were marked. */
export function areCompiled(values: unknown): boolean {
  return typeof values === 'object' && values !== null && compiled.has(values as readonly unknown[]);
}
