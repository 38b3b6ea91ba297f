/** The lists of values of statements that the query builder has compiled. */
const compiled = new WeakSet<readonly unknown[]>();

/**
 * Returns the same list of values, marked: the query builder has compiled its statement, with the places for values that
 * the database itself knows, and not those of MikroORM. The mark is on the values, because they pass unchanged through
 * MikroORM.
 */
export function compiledValues(values: unknown[]): unknown[] {
  compiled.add(values);
  return values;
}

/** Returns true for values that were marked. */
export function areCompiled(values: unknown): boolean {
  return typeof values === 'object' && values !== null && compiled.has(values as readonly unknown[]);
}
