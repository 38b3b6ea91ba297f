/** The lists of values whose statements are sent as prepared ones. */
const prepared = new WeakSet<readonly unknown[]>();

/**
 * Returns the same list of values, marked: its statement has one text for all values, so that the database may parse it
 * only once. The mark is on the values, because they pass unchanged through MikroORM, Kysely and the driver.
 */
export function preparedValues(values: unknown[]): unknown[] {
  prepared.add(values);
  return values;
}

/** Returns true for values that were marked. */
export function arePrepared(values: unknown): boolean {
  return typeof values === 'object' && values !== null && prepared.has(values as readonly unknown[]);
}
