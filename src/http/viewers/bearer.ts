import { TokenError } from '../../access/token-error.js';

/**
 * Gives the token of an Authorization header; null: there is no header. Errors: TokenError for one that reads
 * otherwise.
 */
export function tokenIn(header: string | undefined): string | null {
  if (header === undefined) return null;
  const token = /^Bearer +([^\s]+) *$/i.exec(header)?.[1];
  if (!token) throw new TokenError('UNAUTHENTICATED', 'The header must read "Authorization: Bearer <token>".');
  return token;
}
