import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JwtConfig } from '../../src/config/config.js';
import { Role } from '../../src/entities/index.js';
import { isLifetime, issueToken, tokenVerifier } from '../../src/access/tokens.js';

const secret = 'the secret of these tests, long enough';
const jwt: JwtConfig = { secret, isDevelopmentSecret: false };

function signed(payload: JWTPayload & Record<string, unknown>, key = secret): Promise<string> {
  return new SignJWT({ exp: now() + 60, ...payload }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(key));
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}

async function rejects(token: string | Promise<string>, message: RegExp, config = jwt): Promise<void> {
  const text = await token;
  const error = await tokenVerifier(config)(text).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'TokenError', code: 'UNAUTHENTICATED', message: expect.stringMatching(message) });
  expect(String(error)).not.toContain(text);
}

describe('a token', () => {
  it.each([Role.STUDENT, Role.TEACHER, Role.ADMIN])('a token that is issued for a %s is accepted', async role => {
    const config = { ...jwt, issuer: 'https://id.example.org/', audience: 'rollcall' };
    expect(await tokenVerifier(config)(await issueToken(config, { userId: 7, role, expiresIn: '1h' }))).toEqual({
      userId: 7,
      role,
    });
  });

  it('a token of an admin needs no user', async () => {
    expect(
      await tokenVerifier(jwt)(await issueToken(jwt, { userId: null, role: Role.ADMIN, expiresIn: '30d' })),
    ).toEqual({ userId: null, role: Role.ADMIN });
  });

  it('a token of any other role is not issued without a user', async () => {
    await expect(issueToken(jwt, { userId: null, role: Role.STUDENT, expiresIn: '1h' })).rejects.toMatchObject({
      code: 'TOKEN_NOT_ISSUED',
    });
  });

  it.each([
    [{ role: 'Teacher' }, Role.TEACHER],
    [{ roles: ['student', 'ADMIN', 'teacher'] }, Role.ADMIN],
    [{ roles: ['offline_access', 'student'] }, Role.STUDENT],
  ])('a token gives its role in one claim or several, in any letter case: %j', async (claims, role) => {
    expect(await tokenVerifier(jwt)(await signed({ sub: '1', ...claims }))).toEqual({ userId: 1, role });
  });

  it.each([
    {},
    { role: 'root' },
    { role: 1 },
    { roles: 'admin' },
    { role: ['admin'] },
    { roles: [['admin']] },
    { roles: [{ admin: 'admin' }] },
    { role: ' admin ' },
    { role: null, roles: ['admin'] },
    { role: { 0: 'admin' } },
    { roles: ['root'] },
    { role: 'root', roles: ['admin'] },
  ])('a token without a known role is rejected: %j', async claims => {
    await rejects(signed({ sub: '1', ...claims }), /has no role/);
  });

  it('a token that has expired, never expires, or is not valid yet is rejected', async () => {
    await rejects(signed({ sub: '1', role: 'admin', exp: now() - 1 }), /has expired/);
    await rejects(signed({ sub: '1', role: 'admin', exp: undefined }), /does not say when it expires/);
    await rejects(signed({ sub: '1', role: 'admin', nbf: now() + 60 }), /not valid yet/);
  });

  it('a token that someone else signed, or nobody, is rejected', async () => {
    await rejects(
      signed({ sub: '1', role: 'admin' }, 'some other secret that is long enough'),
      /signature is not valid/,
    );
    await rejects(
      new UnsecuredJWT({ role: 'admin' }).setSubject('1').setExpirationTime('1h').encode(),
      /algorithm that this server does not accept/,
    );
    await rejects('not.a.token', /not a well-formed/);
    await rejects('..', /not a well-formed/);
  });

  it('a token from a foreign issuer or for a foreign audience is rejected', async () => {
    const claims = { sub: '1', role: 'admin', iss: 'https://elsewhere.example.org/', aud: 'payroll' };
    await rejects(signed(claims), /an issuer that this server does not trust/, {
      ...jwt,
      issuer: 'https://id.example.org/',
    });
    await rejects(signed(claims), /another audience/, { ...jwt, audience: 'rollcall' });
    await rejects(signed({ sub: '1', role: 'admin' }), /an issuer that this server does not trust/, {
      ...jwt,
      issuer: 'https://id.example.org/',
    });
  });

  it.each([undefined, '', '0', '-1', 'abc', '1.5', '01', '9007199254740993', 1 as unknown as string])(
    'a token whose sub is %j, and no user id, is rejected',
    async sub => {
      await rejects(signed({ sub, role: 'student' }), /does not name its user/);
    },
  );

  it('a token of an admin whose sub is no user id is rejected', async () => {
    await rejects(signed({ sub: 'root', role: 'admin' }), /does not name its user/);
  });
});

describe('a token of an identity provider', () => {
  const provider = createServer((_request, response) => response.end(JSON.stringify({ keys: published })));
  const published: object[] = [];
  let config: JwtConfig;
  let sign: (kid?: string) => Promise<string>;

  beforeAll(async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    published.push({ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' });
    sign = (kid = 'one') =>
      new SignJWT({ roles: ['teacher'], sub: '12', exp: now() + 60 })
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(privateKey);
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    config = {
      jwksUrl: `http://127.0.0.1:${(provider.address() as AddressInfo).port}/keys`,
      isDevelopmentSecret: false,
    };
  });

  afterAll(() => new Promise(resolve => provider.close(resolve)));

  it('a token of an identity provider is verified with the keys that the provider publishes', async () => {
    expect(await tokenVerifier(config)(await sign())).toEqual({ userId: 12, role: Role.TEACHER });
  });

  it('a token that was signed with an unpublished key is rejected', async () => {
    await rejects(sign('two'), /key that the identity provider does not publish/, config);
  });

  it('a token of an identity provider that was signed with a shared secret, even one made of the public key, is rejected', async () => {
    await rejects(signed({ sub: '1', role: 'admin' }), /algorithm that this server does not accept/, config);
    await rejects(
      signed({ sub: '1', role: 'admin' }, JSON.stringify(published[0])),
      /algorithm that this server does not accept/,
      config,
    );
  });

  it('a token of an identity provider is rejected, and not treated as anonymous, while the keys are unavailable', async () => {
    const error = await tokenVerifier({ jwksUrl: 'http://127.0.0.1:1/keys', isDevelopmentSecret: false })(
      await sign(),
    ).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      name: 'TokenError',
      code: 'KEYS_UNAVAILABLE',
      message: expect.stringMatching(/does not return the keys/),
    });
  });

  it('a token of an identity provider is not issued here', async () => {
    await expect(issueToken(config, { userId: 1, role: Role.ADMIN, expiresIn: '1h' })).rejects.toMatchObject({
      code: 'TOKEN_NOT_ISSUED',
      message: expect.stringContaining('JWKS_URL'),
    });
  });
});

describe('a lifetime', () => {
  it('the lifetime of a token is a whole number of seconds, minutes, hours or days', () => {
    expect(['90s', '15m', '1h', '30d'].every(isLifetime)).toBe(true);
    expect(['', '0h', '-1h', '1', 'h', '1.5h', '1 hour', '1w', '1h ago'].some(isLifetime)).toBe(false);
  });
});
