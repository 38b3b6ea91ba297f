import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { tokenVerifier, type TokenVerifierOptions } from '../../src/access/tokens.js';

/** An identity provider whose answers a test sets, and which counts its requests. */
let provider: Server;
let url: string;
let requests: number;
let answer: () => { status?: number; body: string } | null;
let now: number;
const pairs: { key: CryptoKey; jwk: JWK }[] = [];

beforeAll(async () => {
  for (const kid of ['first', 'second']) {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    pairs.push({ key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' } });
  }
});
beforeEach(async () => {
  requests = 0;
  now = 0;
  answer = () => ({ body: JSON.stringify({ keys: [pairs[0]!.jwk] }) });
  provider = createServer((_request, response) => {
    requests += 1;
    const given = answer();
    if (given) response.writeHead(given.status ?? 200).end(given.body);
    else response.destroy();
  });
  await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys`;
});
afterEach(() => new Promise(resolve => provider.close(resolve)));

function signed(index: number, kid = pairs[index]!.jwk.kid!, expires = '1h'): Promise<string> {
  return new SignJWT({ role: 'admin' })
    .setProtectedHeader({ alg: 'ES256', kid })
    .setExpirationTime(expires)
    .sign(pairs[index]!.key);
}

function verifier(options: TokenVerifierOptions = {}): (token: string) => Promise<unknown> {
  return tokenVerifier({ jwksUrl: url, isDevelopmentSecret: false }, { now: () => now, ...options });
}

it('published keys stay in use while their provider is away, however long, and new ones are used when it is back', async () => {
  const troubles: unknown[] = [];
  let stale = 0;
  const verify = verifier({
    onTrouble: (error, areKnown) => troubles.push([error, areKnown]),
    onStaleUse: () => (stale += 1),
  });
  await verify(await signed(0));
  answer = () => null;
  for (let minute = 0; minute < 60; minute += 11) {
    now = minute * 60_000;
    expect(await verify(await signed(0))).toEqual({ userId: null, role: 'admin' });
  }
  await expect.poll(() => troubles).toEqual([[expect.any(Error), true]]);
  const before = stale;
  await verify(await signed(0));
  expect(stale).toBe(before + 1);
  answer = () => ({ body: JSON.stringify({ keys: [pairs[1]!.jwk] }) });
  // Each token requests them; the first may come while a request to the provider is still failing.
  await expect
    .poll(async () => {
      now += 700_000;
      await verify(await signed(0)).catch((error: { code: string }) => expect(error.code).toBe('UNAUTHENTICATED'));
      return troubles;
    })
    .toEqual([
      [expect.any(Error), true],
      [null, true],
    ]);
  const after = stale;
  // The old key was revoked, the new one is known.
  await expect(verify(await signed(0))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(await verify(await signed(1))).toEqual({ userId: null, role: 'admin' });
  expect(stale).toBe(after);
});

it.each([
  ['does not answer', () => null],
  ['answers an error', () => ({ status: 500, body: '' })],
  ['answers no JSON', () => ({ body: '<html>' })],
  ['answers no key set', () => ({ body: '{"keys":"none"}' })],
  ['answers a key set without keys', () => ({ body: '{"keys":[]}' })],
  ['answers more than a key set can be', () => ({ body: JSON.stringify({ keys: [{ kty: 'x'.repeat(300_000) }] }) })],
])(
  'a token is not checked while no keys are known and the provider %s: KEYS_UNAVAILABLE, and the provider is asked again a second later',
  async (_, given) => {
    answer = given;
    const verify = verifier();
    for (let count = 0; count < 20; count++)
      await expect(verify(await signed(0))).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' });
    expect(requests).toBe(1);
    answer = () => ({ body: JSON.stringify({ keys: [pairs[0]!.jwk] }) });
    now += 1000;
    expect(await verify(await signed(0))).toEqual({ userId: null, role: 'admin' });
  },
);

it('tokens with unpublished keys do not cause one request each, and delay no others', async () => {
  const verify = verifier();
  await verify(await signed(0));
  const before = requests;
  for (let count = 0; count < 50; count++)
    await expect(verify(await signed(1, `made up ${count}`))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  expect(requests).toBe(before);
  expect(await verify(await signed(0))).toEqual({ userId: null, role: 'admin' });
});

it('a token that has expired is valid within the tolerance of clocks, and not beyond it', async () => {
  const secret = 'the secret of these tests, long enough';
  const tokenOf = (seconds: number): Promise<string> =>
    new SignJWT({ role: 'admin' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(Buffer.from(secret));
  const verify = tokenVerifier({ secret, isDevelopmentSecret: false, clockTolerance: 3600 });
  expect(await verify(await tokenOf(-1800))).toEqual({ userId: null, role: 'admin' });
  await expect(verify(await tokenOf(-5000))).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});
