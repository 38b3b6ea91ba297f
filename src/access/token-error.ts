import * as errors from 'jose/errors';

/** The failures of tokens: one that is not valid, one that cannot be checked now, and one that cannot be issued. */
export type TokenErrorCode = 'UNAUTHENTICATED' | UncheckedReason | 'TOKEN_NOT_ISSUED';

/** What is unavailable if a token cannot be checked: the keys that verify it, or the database with its user. */
export type UncheckedReason = 'KEYS_UNAVAILABLE' | 'DATABASE_UNAVAILABLE';

/** The error of a token: the check that it failed, without its contents, or why it cannot be issued. */
export class TokenError extends Error {
  readonly code: TokenErrorCode;

  constructor(code: TokenErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TokenError';
    this.code = code;
  }
}

/** The error of a token that cannot be checked now: not the caller's mistake, and worth a line in the log. */
export class UncheckedTokenError extends TokenError {
  declare readonly code: UncheckedReason;

  constructor(code: UncheckedReason, cause: unknown) {
    super(code, uncheckedMessages[code], { cause });
  }
}

const uncheckedMessages: Record<UncheckedReason, string> = {
  KEYS_UNAVAILABLE: 'The identity provider does not return the keys that verify tokens now. Try again.',
  DATABASE_UNAVAILABLE: 'The database cannot be reached. Nothing was changed; try again.',
};

/** Returns the error for a token that fails a check. */
export function rejection(message: string, cause?: unknown): TokenError {
  return new TokenError('UNAUTHENTICATED', message, { cause });
}

/** Returns the TokenError for an error of verifying: a claim's, the signature's, the algorithm's or the key set's. */
export function rejectionOf(error: unknown): TokenError {
  if (error instanceof TokenError) return error;
  if (error instanceof errors.JWTExpired) return rejection('The token has expired. Get a new one.', error);
  if (error instanceof errors.JWTClaimValidationFailed)
    return rejection(claimMessages[error.claim] ?? 'A claim of the token has an invalid form.', error);
  const message = error instanceof errors.JOSEError ? joseMessages[error.code] : undefined;
  if (message !== undefined) return rejection(message, error);
  return new UncheckedTokenError('KEYS_UNAVAILABLE', error);
}

const claimMessages: Record<string, string> = {
  exp: 'The token does not say when it expires. Get one with the claim "exp".',
  nbf: 'The token is not valid yet.',
  iss: 'The token comes from an issuer that this server does not trust.',
  aud: 'The token is meant for another audience than this server.',
};

const malformed = 'The token is not a well-formed JSON Web Token.';

const joseMessages: Record<string, string> = {
  ERR_JOSE_ALG_NOT_ALLOWED: 'The token is signed with an algorithm that this server does not accept.',
  ERR_JOSE_NOT_SUPPORTED: 'The token is signed with an algorithm that this server does not accept.',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "The token's signature is not valid.",
  ERR_JWKS_NO_MATCHING_KEY: 'The token is signed with a key that the identity provider does not publish.',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'The token does not say which key signed it. Get one with the header "kid".',
  ERR_JWS_INVALID: malformed,
  ERR_JWT_INVALID: malformed,
};
