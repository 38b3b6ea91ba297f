import fc from 'fast-check';
import { expect, it } from 'vitest';
import { withoutSecrets } from '../../src/http/observability/redaction.js';

const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
const redacted = (value: unknown): unknown => JSON.parse(withoutSecrets(JSON.stringify(value)));

it.each([
  ['an email alone', 'ada@example.org', '[email]'],
  ['an email in a sentence', 'Ask ada@example.org, or bob.b+x@mail.example.com.', 'Ask [email], or [email]'],
  [
    'an email in SQL',
    "insert into core_user values ('ada@example.org', 'student')",
    "insert into core_user values ([email], 'student')",
  ],
  [
    "a database's duplicate",
    "Duplicate entry 'ada@example.org' for key 'core_user.email'",
    "Duplicate entry [email] for key 'core_user.email'",
  ],
  ['an email behind a line break', 'first\nada@example.org\nlast', 'first\n[email]\nlast'],
  ['an email behind an escaped quote', 'say "ada@example.org"', 'say "[email]"'],
  ['an email in a URL', '/users?email=ada%40example.org&x=1', '/users?email=[email]&x=1'],
  ['an email that was encoded twice', '/users?email=ada%2540example.org', '/users?email=[email]'],
  ['an email of another script', 'ада@пример.рф', '[email]'],
  ['an email that was cut off', "Duplicate entry 'ada@exa", 'Duplicate entry [email]'],
  ['a token', token, '[token]'],
  ['a token in a URL', `/graphql?token=${token}`, '/graphql?token=[token]'],
  ['a token without its signature', token.slice(0, token.lastIndexOf('.')), '[token]'],
  ['credentials of any kind', 'Authorization: Bearer opaque-secret', 'Authorization: Bearer [token]'],
  [
    'a header',
    { authorization: 'Basic c2VjcmV0', cookie: 'session=secret "x"' },
    { authorization: '[redacted]', cookie: '[redacted]' },
  ],
  [
    'a package in a stack',
    'at /app/node_modules/@apollo/server/index.js:1:2',
    'at /app/node_modules/@apollo/server/index.js:1:2',
  ],
  ['text that has neither', 'Course 7 "A @ B" is full.', 'Course 7 "A @ B" is full.'],
])('redaction handles %s', (_, given, expected) => {
  expect(redacted(given)).toEqual(expected);
});

it('redaction leaves no email and no token in any line, and the line stays JSON with the same shape', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9._+-]{0,30}$/);
  const email = fc
    .tuple(name, fc.stringMatching(/^[a-z0-9-]{1,20}\.[a-z]{2,6}$/))
    .map(([local, domain]) => `${local}@${domain}`);
  const jwt = fc
    .tuple(fc.base64String({ minLength: 4 }), fc.base64String({ minLength: 4 }))
    .map(
      ([claims, signature]) =>
        `eyJ${Buffer.from(claims).toString('base64url')}.${Buffer.from(claims).toString('base64url')}.${Buffer.from(signature).toString('base64url')}`,
    );
  const around = fc.oneof(
    fc.constantFrom('', ' ', '\n', '\t', '"', "'", '\\', '\u0000', '/', '=', '(', '{"a":"'),
    fc.string(),
  );
  fc.assert(
    fc.property(around, fc.oneof(email, jwt), around, (before, secret, after) => {
      const line = { message: `${before} ${secret} ${after}`, nested: [{ text: `${before}'${secret}'${after}` }] };
      const text = withoutSecrets(JSON.stringify(line));
      expect(text).not.toContain(secret);
      expect(JSON.parse(text)).toEqual({ message: expect.any(String), nested: [{ text: expect.any(String) }] });
    }),
    { numRuns: 2000 },
  );
});

it('redaction takes time in proportion to the length of the line only', () => {
  // A backtracking pattern would take minutes here, and the test would time out.
  const long = 'a'.repeat(2_000_000);
  expect(redacted(`x@y.org ${long} ${long}@`)).toBe(`[email] ${long} ${long}@`);
}, 10_000);
