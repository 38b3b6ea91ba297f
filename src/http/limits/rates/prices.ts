/**
 * What a request costs beside its operation, in points of about 5 µs of processor time, as measured by bench/rates.ts.
 * Each price is charged to the payer of the request.
 */

/**
 * The price of a request, or of a message that subscribes: reading and answering it, checking its token, and its log
 * line.
 */
export const REQUEST_POINTS = 100;

/** The price of an invalid token: verifying it, and saying what is wrong with it. */
export const UNPROVEN_TOKEN_POINTS = 50;

/** The price of a KiB of body and URL: parsing JSON. */
const POINTS_PER_KIB = 4;

/** The price of a KiB of a query's text: parsing and validating it. */
const QUERY_POINTS_PER_KIB = 30;

/** The price of a KiB of an invalid query's text, because describing each mistake takes time. */
const INVALID_QUERY_POINTS_PER_KIB = 120;

const KIB = 1024;

/** Returns the points for a request before its body is read, from the size of its body and URL in bytes. */
export function requestPoints(bytes: number): number {
  return REQUEST_POINTS + (POINTS_PER_KIB * bytes) / KIB;
}

/** Returns the points for an operation that may run, from the length of its query and its cost. */
export function operationPoints(query: string, cost: number): number {
  return (QUERY_POINTS_PER_KIB * query.length) / KIB + cost;
}

/** Returns the points for a query that is invalid, from its length. */
export function mistakePoints(query: string): number {
  return (INVALID_QUERY_POINTS_PER_KIB * query.length) / KIB;
}
