import { decodeJwt } from 'jose';
import type { Config, JwtConfig } from '../../config/config.js';
import { shownUrl } from '../../database/texts/shown-text.js';
import { failed, ok, warning, type Finding } from './finding.js';

const LOOPBACK = ['localhost', '127.0.0.1', '::1'];
/**
 * The number of different bytes below which a secret is not random; 32 random bytes have fewer once in more than 10^15
 * times.
 */
const FEW_BYTES = 12;
/** The longest time that a token may be valid before it is called long-lived, in seconds. */
const MAX_TOKEN_LIFE_SECONDS = 31 * 86_400;

/** Examines with what tokens are verified, and the token that was given. */
export async function examineSecrets(
  { jwt, host }: Config,
  token: string | undefined,
  limit: number,
): Promise<Finding[]> {
  const keys = jwt.secret === undefined ? await keySetFinding(jwt, limit) : secretFinding(jwt, host);
  return [keys, ...(token === undefined ? [] : [lifetimeFinding(token, Date.now() / 1000)])];
}

function secretFinding({ secret = '', isDevelopmentSecret }: JwtConfig, host: string): Finding {
  const advice = 'Set JWT_SECRET; openssl rand -base64 48 makes one.';
  if (isDevelopmentSecret && !LOOPBACK.includes(host))
    return failed(`Tokens are verified with the public development secret, and HOST=${host} lets others in.`, advice);
  if (isDevelopmentSecret)
    return warning(
      'Tokens are verified with the public development secret.',
      `${advice} Production does not start without.`,
    );
  const different = new Set(Buffer.from(secret)).size;
  return different < FEW_BYTES
    ? warning(`JWT_SECRET is made of ${different} different bytes, so it was hardly chosen at random.`, advice)
    : ok('Tokens are verified with JWT_SECRET.');
}

async function keySetFinding({ jwksUrl, issuer, audience }: JwtConfig, limit: number): Promise<Finding> {
  const shown = shownUrl(jwksUrl!);
  const advice = 'Correct JWKS_URL, or ask who runs the identity provider.';
  try {
    const response = await fetch(jwksUrl!, { signal: AbortSignal.timeout(limit) });
    if (!response.ok) return failed(`${shown} answers ${response.status}.`, advice);
    const keys = ((await response.json()) as { keys?: unknown[] } | null)?.keys?.length ?? 0;
    if (keys === 0) return failed(`${shown} publishes no keys.`, advice);
    if (issuer === undefined || audience === undefined)
      return warning(
        `Tokens are taken from ${shown} whatever ${issuer === undefined ? 'issuer' : 'audience'} they name.`,
        'Set JWT_ISSUER and JWT_AUDIENCE.',
      );
    return ok(`Tokens are verified with the ${keys} keys of ${shown}.`);
  } catch (error) {
    return failed(`${shown} gives no key set: ${fetchFailureReason(error)}.`, advice);
  }
}

/**
 * Returns the finding for how long a token is valid, at a moment in seconds since 1970. The server judges its issuer.
 */
export function lifetimeFinding(token: string, now: number): Finding {
  const { iat, exp } = claimsOf(token) ?? {};
  const another = 'rollcall token --role admin --expires 15m';
  if (exp === undefined) return failed('The token does not say when it expires, so no server takes it.', another);
  if (exp <= now) return failed(`The token has expired at ${new Date(exp * 1000).toISOString()}.`, another);
  const days = (exp - (iat ?? now)) / 86_400;
  return exp - (iat ?? now) > MAX_TOKEN_LIFE_SECONDS
    ? warning(`The token is good for ${Math.round(days)} days; whoever finds it is an admin for as long.`, another)
    : ok(`The token is good until ${new Date(exp * 1000).toISOString()}.`);
}

function claimsOf(token: string): { iat?: number; exp?: number } | null {
  try {
    return decodeJwt(token);
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_JWT_INVALID') return null;
    throw error;
  }
}

/** Returns why a request failed, in a few words. */
export function fetchFailureReason(error: unknown): string {
  const { cause, name, message } = error as Error & { cause?: { code?: string; message?: string } };
  return cause?.code ?? cause?.message ?? (name === 'TimeoutError' ? 'no answer in time' : message);
}
