import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { Role } from '../../src/entities/index.js';
import { tokenVerifier } from '../../src/access/tokens.js';
import { placeToRun } from '../support/command-line.js';

const place = placeToRun();
const env = {
  JWT_SECRET: 'a secret of more than thirty-two bytes',
  JWT_ISSUER: 'https://id.example.org/',
  JWT_AUDIENCE: 'rollcall',
};

it.each([
  [['--role', 'admin'], { userId: null, role: Role.ADMIN }, 3600],
  [['--role', 'ADMIN', '--user', '3', '--expires', '90s'], { userId: 3, role: Role.ADMIN }, 90],
  [['--role', 'Teacher', '--user', '12', '--expires', '30d'], { userId: 12, role: Role.TEACHER }, 2_592_000],
  [['--role', 'student', '--user', '41', '--expires', '15m'], { userId: 41, role: Role.STUDENT }, 900],
])('"rollcall token %j" prints a token that the server accepts', async (parameters, viewer, lifetime) => {
  const { code, stdout, stderr } = await place.run(['token', ...parameters], env);
  expect([code, stderr]).toEqual([0, '']);
  expect(await tokenVerifier(readConfig(env).jwt)(stdout.trim())).toEqual(viewer);
  const { iat, exp } = decodeJwt(stdout.trim());
  expect(exp! - iat!).toBe(lifetime);
});

it('no token is issued in production without a secret, nor in place of an identity provider', async () => {
  expect(await place.run(['token', '--role', 'admin'], { NODE_ENV: 'production' })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^JWT_SECRET and JWKS_URL are both missing/),
  });
  expect(await place.run(['token', '--role', 'admin'], { JWKS_URL: 'https://id.example.org/keys' })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/identity provider/),
  });
});
