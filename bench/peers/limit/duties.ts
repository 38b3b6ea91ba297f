// What a server owes besides the data: it verifies the caller's token, gives the request an id and writes one line of log.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createWriteStream } from 'node:fs';

interface Claims {
  readonly role: string;
  readonly exp: number;
}

const MAX_KNOWN_TOKENS = 10_000;
const secret = process.env['JWT_SECRET']!;
const log = createWriteStream('', { fd: 1 });
/** The claims of tokens whose signature was right, so that each is verified once. */
const known = new Map<string, Claims>();

/** Returns the claims of a valid HS256 token. Errors: that it is not valid, or no longer. */
export function claimsOf(authorization: string | undefined): Claims {
  const token = authorization?.startsWith('Bearer ') ? authorization.slice(7) : '';
  let claims = known.get(token);
  if (!claims) {
    claims = verified(token);
    if (known.size >= MAX_KNOWN_TOKENS) known.clear();
    known.set(token, claims);
  }
  if (claims.exp * 1000 <= Date.now()) throw new Error('The token has expired.');
  return claims;
}

function verified(token: string): Claims {
  const [header = '', payload = '', signature = ''] = token.split('.');
  const algorithm = (JSON.parse(Buffer.from(header, 'base64url').toString() || '{}') as { alg?: string }).alg;
  const expected = createHmac('sha256', secret).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature, 'base64url');
  if (algorithm !== 'HS256' || given.length !== expected.length || !timingSafeEqual(given, expected))
    throw new Error('The token is not valid.');
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
}

/** Writes one line about a request. */
export function logRequest(id: string, operation: string, status: number, start: number): void {
  const entry = { level: 30, time: Date.now(), requestId: id, operation, status, ms: performance.now() - start };
  log.write(`${JSON.stringify(entry)}\n`);
}
