import { TokenError } from '../../access/token-error.js';

/**
 * Returns the token in an Authorization header; null if there is no header. Errors: TokenError if the header has
 * another form.
 */
export function tokenIn(header: string | undefined): string | null {
  if (header === undefined) return null;
  const token = /^Bearer +([^\s]+) *$/i.exec(header)?.[1];
  if (!token) throw new TokenError('UNAUTHENTICATED', 'The header must read "Authorization: Bearer <token>".');
  return token;
}
