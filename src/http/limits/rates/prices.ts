/**
 * What a request costs beside its operation, in points of about 5 µs of processor time, as bench/rates.ts measures it.
 * Each is charged to whoever pays for the request.
 */

/**
 * A request, or a message that asks for a subscription: reading and answering it, checking its token, its line in the
 * log.
 */
export const REQUEST_POINTS = 100;

/** A token that proves nothing: verifying it, and telling why. */
export const UNPROVEN_TOKEN_POINTS = 50;

/** A KiB of the body and the address: reading JSON. */
const POINTS_PER_KIB = 4;

/** A KiB of a query's text: parsing and validating it. */
const QUERY_POINTS_PER_KIB = 30;

/** A KiB of a query's text in which there are mistakes, each of which takes time to be told. */
const INVALID_QUERY_POINTS_PER_KIB = 120;

const KIB = 1024;

/** Returns the points for a request before anything of it is read, from the size of its body and address in bytes. */
export function requestPoints(bytes: number): number {
  return REQUEST_POINTS + (POINTS_PER_KIB * bytes) / KIB;
}

/** Returns the points for an operation that may run, from the length of its query and its own cost. */
export function operationPoints(query: string, cost: number): number {
  return (QUERY_POINTS_PER_KIB * query.length) / KIB + cost;
}

/** Returns the points for a query that cannot be run, from its length. */
export function mistakePoints(query: string): number {
  return (INVALID_QUERY_POINTS_PER_KIB * query.length) / KIB;
}
