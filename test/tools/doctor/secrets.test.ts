import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../../src/config/config.js';
import { examineSecrets } from '../../../src/tools/doctor/secrets.js';
import { freePort } from '../../support/free-port.js';

async function found(env: Readonly<Record<string, string>>): Promise<string> {
  const [{ status, message } = { status: '', message: '' }] = await examineSecrets(readConfig(env), undefined, 5000);
  return `${status} ${message}`;
}

it('the development secret is a warning, and a failure where other machines reach the server', async () => {
  expect(await found({})).toBe('warning Tokens are verified with the public development secret.');
  expect(await found({ HOST: '127.0.0.1' })).toMatch(/^warning/);
  expect(await found({ HOST: '0.0.0.0' })).toBe(
    'failed Tokens are verified with the public development secret, and HOST=0.0.0.0 lets others in.',
  );
});

it('a secret that was not chosen at random is a warning, and a random one is not', async () => {
  expect(await found({ JWT_SECRET: 'changeme'.repeat(4) })).toMatch(/^warning JWT_SECRET is made of 7 different bytes/);
  expect(await found({ JWT_SECRET: 'Vt0Zl3x4bIYJ2jJrQkP1y0m4cVwq7a9s' })).toBe(
    'ok Tokens are verified with JWT_SECRET.',
  );
});

it('published keys are fetched, and their mistakes are reported', async () => {
  let answer = { status: 200, body: '{"keys":[{"kty":"RSA"}]}' };
  const server = createServer((_, response) => response.writeHead(answer.status).end(answer.body));
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/keys`;
  const strict = { JWKS_URL: url, JWT_ISSUER: 'them', JWT_AUDIENCE: 'us' };
  expect(await found(strict)).toBe(`ok Tokens are verified with the 1 keys of ${url}.`);
  expect(await found({ JWKS_URL: url, JWT_ISSUER: 'them' })).toBe(
    `warning Tokens are taken from ${url} whatever audience they name.`,
  );
  answer = { status: 200, body: '{"keys":[]}' };
  expect(await found(strict)).toBe(`failed ${url} publishes no keys.`);
  answer = { status: 503, body: 'busy' };
  expect(await found(strict)).toBe(`failed ${url} answers 503.`);
  answer = { status: 200, body: '<html>' };
  expect(await found(strict)).toMatch(/^failed .*\/keys gives no key set: .*JSON/);
  const nobody = `http://127.0.0.1:${await freePort()}/keys`;
  expect(await found({ ...strict, JWKS_URL: nobody })).toBe(`failed ${nobody} gives no key set: ECONNREFUSED.`);
});
