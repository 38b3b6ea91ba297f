import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../support/api.js';
import { addUsers } from '../support/rows.js';

const secret = 'a secret of this test, more than thirty-two bytes';

/** Signs a token as an outsider or a careless issuer would, with these claims in place of the right ones. */
function tokenWith({
  claims = {},
  key = secret,
  expires = '1h',
  issuer = 'https://id.example.org/',
  audience = 'rollcall',
  subject = '1',
} = {}): Promise<string> {
  const token = new SignJWT({ role: 'admin', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setIssuer(issuer)
    .setAudience(audience);
  if (expires) token.setExpirationTime(expires);
  if (subject) token.setSubject(subject);
  return token.sign(Buffer.from(key));
}

const unsigned = [
  { alg: 'none' },
  { role: 'admin', sub: '1', exp: 4102444800, iss: 'https://id.example.org/', aud: 'rollcall' },
]
  .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
  .join('.');
const tampered = async (): Promise<string> => {
  const [header, , signature] = (await tokenWith({ claims: { role: 'student' } })).split('.');
  const payload = (await tokenWith()).split('.')[1];
  return [header, payload, signature].join('.');
};

const badHeaders: [string, () => string | Promise<string>][] = [
  ['an empty header', () => ''],
  ['a bearer without a token', () => 'Bearer'],
  ['a bearer with an empty token', () => 'Bearer ""'],
  ['a name and a password', () => `Basic ${Buffer.from('admin:admin').toString('base64')}`],
  ['a token without its scheme', () => tokenWith()],
  ['two tokens', async () => `Bearer ${await tokenWith()} ${await tokenWith()}`],
  ['a text that is no token', () => 'Bearer nonsense'],
  ['a token that has expired', async () => `Bearer ${await tokenWith({ expires: '-40s' })}`],
  ['a token that never expires', async () => `Bearer ${await tokenWith({ expires: '' })}`],
  ['a token signed with another secret', async () => `Bearer ${await tokenWith({ key: `${secret}?` })}`],
  ['a token that is not signed', () => `Bearer ${unsigned}.`],
  ['a token whose claims were exchanged', async () => `Bearer ${await tampered()}`],
  ['a token of another issuer', async () => `Bearer ${await tokenWith({ issuer: 'https://elsewhere.example.org/' })}`],
  ['a token for another audience', async () => `Bearer ${await tokenWith({ audience: 'another' })}`],
  ['a token with an unknown role', async () => `Bearer ${await tokenWith({ claims: { role: 'root' } })}`],
  ['a token with no role', async () => `Bearer ${await tokenWith({ claims: { role: undefined } })}`],
  [
    "a teacher's token without a user",
    async () => `Bearer ${await tokenWith({ claims: { role: 'teacher' }, subject: '' })}`,
  ],
  ['a token whose user is no id', async () => `Bearer ${await tokenWith({ subject: 'ada' })}`],
];

describe('a bearer token', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite', {
      env: { JWT_SECRET: secret, JWT_ISSUER: 'https://id.example.org/', JWT_AUDIENCE: 'rollcall' },
    });
    await addUsers(api.database, Role.STUDENT, 20);
    await addCourse(api.database, { title: 'public' });
    await addCourse(api.database, { title: 'hidden', isPublished: false });
  });
  afterAll(() => api.stop());

  async function ask(authorization: string | null): Promise<{
    status: number;
    challenge: string | null;
    body: { data?: unknown; errors?: { extensions: { code: string } }[] };
  }> {
    const headers = { 'content-type': 'application/json', ...(authorization !== null && { authorization }) };
    const response = await fetch(api.url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query: '{ courses { nodes { title } } }' }),
    });
    return {
      status: response.status,
      challenge: response.headers.get('www-authenticate'),
      body: (await response.json()) as never,
    };
  }

  const listOf = (...titles: string[]) => ({ data: { courses: { nodes: titles.map(title => ({ title })) } } });

  it('a request for what everybody sees needs no bearer token', async () => {
    expect(await ask(null)).toEqual({ status: 200, challenge: null, body: listOf('public') });
  });

  it('a valid bearer token identifies the viewer, whatever the case of its scheme', async () => {
    expect((await ask(`Bearer ${await tokenWith()}`)).body).toEqual(listOf('public', 'hidden'));
    expect((await ask(`bearer ${await tokenWith()}`)).body).toEqual(listOf('public', 'hidden'));
    expect((await ask(`Bearer ${await api.token(Role.STUDENT, 1)}`)).body).toEqual(listOf('public'));
  });

  it.each(badHeaders)(
    'a bad bearer token is rejected with UNAUTHENTICATED and status 401, never treated as anonymous: %s',
    async (_, header) => {
      const { status, challenge, body } = await ask(await header());
      expect({
        status,
        challenge,
        data: body.data,
        codes: body.errors?.map(({ extensions }) => extensions.code),
      }).toEqual({
        status: 401,
        challenge: 'Bearer error="invalid_token"',
        data: undefined,
        codes: ['UNAUTHENTICATED'],
      });
    },
  );

  it('a bad bearer token is not echoed', async () => {
    const token = await tokenWith({ key: `${secret}?` });
    expect(JSON.stringify(await ask(`Bearer ${token}`))).not.toContain(token.split('.')[2]);
  });
});
