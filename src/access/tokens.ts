import { createSecretKey } from 'node:crypto';
import { decodeJwt, jwtVerify, SignJWT, type JWTPayload, type JWTVerifyOptions } from 'jose';
import type { JwtConfig } from '../config/config.js';
import { shownUrl } from '../database/texts/shown-text.js';
import { keyIn, Role, shownKey, type KeyForm } from '../entities/index.js';
import type { TokenClaims } from './token-users.js';
import { publishedKeys, type PublishedKeysOptions } from './published-keys.js';
import { rejection, rejectionOf, TokenError } from './token-error.js';
import { VerifiedTokens } from './verified-tokens.js';
import type { Viewer } from './viewer.js';

/** The algorithms for published keys; a shared-secret one among them would let a public key pass as a secret. */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const HIGHEST_FIRST = [Role.ADMIN, Role.TEACHER, Role.STUDENT];

/** A span of time: a whole number of seconds, minutes, hours or days. */
export type Lifetime = `${number}${'s' | 'm' | 'h' | 'd'}`;

/** Returns true for a span of time such as 90s, 15m, 1h or 30d. */
export function isLifetime(text: string): text is Lifetime {
  return /^[1-9]\d{0,8}[smhd]$/.test(text);
}

/**
 * Issues a token that this server accepts, signed with its secret. Errors: TokenError if an identity provider issues
 * the tokens, or the user id is missing.
 */
export async function issueToken(
  jwt: JwtConfig,
  { userId, role, expiresIn }: Viewer & { readonly expiresIn: Lifetime },
): Promise<string> {
  if (jwt.secret === undefined) {
    throw new TokenError(
      'TOKEN_NOT_ISSUED',
      `Tokens come from the identity provider whose keys JWKS_URL names (${shownUrl(jwt.jwksUrl)}). Get one there, or set JWT_SECRET instead.`,
    );
  }
  if (userId === null && role !== Role.ADMIN)
    throw new TokenError('TOKEN_NOT_ISSUED', `A ${role}'s token needs a user id.`);
  const token = new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime(expiresIn);
  if (userId !== null) token.setSubject(String(shownKey(userId)));
  if (jwt.issuer !== undefined) token.setIssuer(jwt.issuer);
  if (jwt.audience !== undefined) token.setAudience(jwt.audience);
  return token.sign(secretKey(jwt.secret));
}

/** How tokens are verified; if roles come from the database, a token that names a user needs none. */
export interface TokenVerifierOptions extends PublishedKeysOptions {
  /** What the ids of users are; numbers if left out. */
  readonly userKeys?: KeyForm;
  readonly roleFrom?: 'token' | 'database';
}

/** Verifies bearer tokens. */
export interface TokenVerifier {
  /** Returns the claims of a token. Errors: TokenError with the code UNAUTHENTICATED, or UncheckedTokenError. */
  (token: string): Promise<TokenClaims>;
  /** Returns the claims of a token that was verified before and is still valid; undefined: it must be verified. */
  readonly known: (token: string) => TokenClaims | undefined;
}

/** Returns a function that verifies a bearer token and returns its claims; TokenUsers makes a viewer of them. */
export function tokenVerifier(
  jwt: JwtConfig,
  { roleFrom = 'token', userKeys = 'number', ...options }: TokenVerifierOptions = {},
): TokenVerifier {
  const { verify, keysInUse } = payloadVerifier(jwt, options);
  const verified = new VerifiedTokens(keysInUse);
  const known = (token: string): TokenClaims | undefined => verified.claimsOf(token);
  const claimed = async (token: string): Promise<TokenClaims> => {
    const remembered = known(token);
    if (remembered) return remembered;
    try {
      const keys = keysInUse();
      const payload = await verify(token);
      const claims = claimedIn(payload, roleFrom, userKeys);
      verified.remember(token, claims, expiryIn(payload, jwt), keys);
      return claims;
    } catch (error) {
      throw rejectionOf(error);
    }
  };
  return Object.assign(claimed, { known });
}

/** Returns when a token that was verified is no longer accepted, in milliseconds since 1970. */
export function expiryOf(token: string, jwt: Pick<JwtConfig, 'clockTolerance'>): number {
  return expiryIn(decodeJwt(token), jwt);
}

function expiryIn({ exp }: JWTPayload, { clockTolerance = 0 }: Pick<JwtConfig, 'clockTolerance'>): number {
  // Verification requires the claim.
  return (exp! + clockTolerance) * 1000;
}

/** The verification of tokens' signatures and general claims. */
interface PayloadVerifier {
  readonly verify: (token: string) => Promise<JWTPayload>;
  /** Returns what identifies the keys that verify tokens now; null: they must be looked at for each token. */
  readonly keysInUse: () => unknown;
}

function payloadVerifier(jwt: JwtConfig, options?: PublishedKeysOptions): PayloadVerifier {
  const claims: JWTVerifyOptions = {
    issuer: jwt.issuer,
    audience: jwt.audience,
    requiredClaims: ['exp'],
    clockTolerance: jwt.clockTolerance,
  };
  if (jwt.secret !== undefined) {
    const key = secretKey(jwt.secret);
    return {
      verify: async token => (await jwtVerify(token, key, { ...claims, algorithms: ['HS256'] })).payload,
      keysInUse: () => key,
    };
  }
  const keys = publishedKeys(jwt.jwksUrl, options);
  return {
    verify: async token => (await jwtVerify(token, keys.find, { ...claims, algorithms: ASYMMETRIC })).payload,
    keysInUse: keys.inUse,
  };
}

function claimedIn(payload: JWTPayload, roleFrom: 'token' | 'database', userKeys: KeyForm): TokenClaims {
  const role = roleIn(payload);
  const { sub } = payload;
  if (role === null && (roleFrom === 'token' || sub === undefined))
    throw rejection('The token has no role: its claim "role" must be student, teacher or admin.');
  if (sub === undefined && role === Role.ADMIN) return { userId: null, role };
  const userId = typeof sub === 'string' ? keyIn(sub, userKeys) : null;
  if (userId === null) throw rejection('The token does not name its user: its claim "sub" must be the user\'s id.');
  return { userId, role };
}

/**
 * Returns the highest role that a token claims; null if it claims none. Only strings count: a list in a list is not a
 * role.
 */
function roleIn(payload: JWTPayload): Role | null {
  const claimed = payload['role'] === undefined ? payload['roles'] : [payload['role']];
  const names = (Array.isArray(claimed) ? claimed : [])
    .filter(name => typeof name === 'string')
    .map(name => name.toLowerCase());
  return HIGHEST_FIRST.find(one => names.includes(one)) ?? null;
}

function secretKey(secret: string): ReturnType<typeof createSecretKey> {
  return createSecretKey(Buffer.from(secret));
}
