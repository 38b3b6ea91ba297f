/** The error for a whole number in the database that JavaScript cannot hold exactly, because it is beyond 2^53 − 1. */
export class UnsafeNumberError extends Error {
  override readonly name = 'UnsafeNumberError';
  readonly code = 'UNSAFE_NUMBER';

  constructor(
    value: string,
    place: string,
    { hint = 'Give that row a number within it.', ...options }: ErrorOptions & { readonly hint?: string } = {},
  ) {
    super(
      `The database holds ${value} in ${place}, beyond ${Number.MAX_SAFE_INTEGER}, the highest number that is read exactly. ${hint}`,
      options,
    );
  }
}

/**
 * Returns a whole number as a number. Drivers return one beyond 2^53 − 1 as text, because JavaScript would round it.
 * Errors: UnsafeNumberError, which names the place, such as a table and a column.
 */
export function exactNumber(value: unknown, place: string): number {
  const number = Number(value);
  if (typeof value === 'string' && !Number.isSafeInteger(number)) throw new UnsafeNumberError(value, place);
  return number;
}

/** Returns a whole number as a number. Errors: UnsafeNumberError, which names the place. */
export function safeNumber(value: bigint, place: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new UnsafeNumberError(String(value), place);
  return number;
}

/** Returns true for an UnsafeNumberError, also where the ORM has converted it to an error of its own. */
export function isUnsafeNumber(error: unknown): error is Error {
  return (error as { code?: unknown } | null)?.code === 'UNSAFE_NUMBER';
}
