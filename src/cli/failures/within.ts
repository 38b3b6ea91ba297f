/** Returns whether an error, or what caused it, is such a one. */
export function isWithin(error: unknown, isSuch: (error: unknown) => boolean): boolean {
  if (typeof error !== 'object' || error === null) return false;
  return isSuch(error) || isWithin((error as { readonly cause?: unknown }).cause, isSuch);
}
