import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/failures/explain.js';
import { failureText } from '../../src/cli/failures/failure-text.js';
import { ConfigError, readConfig } from '../../src/config/config.js';
import { dialectOfUrl, withoutPassword } from '../../src/database/texts/database-url.js';

/** The forms in which people write the URL of a database with a password. */
const forms: readonly ((password: string) => string)[] = [
  secret => `mysql://app:${secret}@db.example.org/school`,
  secret => `mysql://app:${encodeURIComponent(secret)}@db.example.org:3306/school`,
  secret => `mysql2://app:${secret}@db/school`,
  secret => `MySQL://app:${secret}@db/school`,
  secret => `mysql+pymysql://app:${secret}@db/school`,
  secret => `postgres://app:${secret}@[::1]:5432/school`,
  secret => `mysql://:${secret}@db/school`,
  secret => `mysql://app:${secret}@db`,
  secret => `mysql:app:${secret}@db/school`,
  secret => `mysql:/app:${secret}@db/school`,
  secret => `app:${secret}@db/school`,
  secret => `app:${secret}@tcp(db:3306)/school`,
  secret => `mysql://db/school?user=app&password=${secret}`,
  secret => `mysql://db/school#${secret}`,
  secret => `jdbc:mysql://db:3306/school?user=app&password=${secret}`,
  secret => `Server=db;Database=school;Uid=app;Pwd=${secret};`,
  secret => `host=db user=app password=${secret}`,
  secret => `sqlite://app:${secret}@db/school`,
  secret => `sqlite:data/school.sqlite?key=${secret}`,
  secret => ` "mysql://app:${secret}@db/school"\n`,
  secret => `DATABASE_URL=mysql://app:${secret}@db/school`,
  // A word alone; with :// in it, it could not be distinguished from a URL.
  secret => secret.replaceAll('://', ':/'),
];

/** Passwords as people choose them, with every character that has a meaning in a URL. */
const passwords = fc
  .string({ unit: fc.constantFrom(...'abcXYZ019@:/?#%&=+;, \\"\'!$[]()'), minLength: 6, maxLength: 20 })
  .map(text => `S3cr${text}t!`)
  .filter(text => !text.includes('***'));

describe('the URL of a database', () => {
  it('the URL of a database shows its password in no text that people read, in whatever form it is written', () => {
    fc.assert(
      fc.property(fc.constantFrom(...forms), passwords, (form, password) => {
        const url = form(password);
        const texts = [withoutPassword(url), ...textsOf(url)];
        for (const text of texts) {
          expect(text).not.toContain(password);
          expect(text).not.toContain(encodeURIComponent(password));
          // Nor a part of it that remains from a wrong parse.
          expect(text).not.toContain(`S3cr${password[4]}`);
        }
      }),
      { numRuns: 3000, seed: 11 },
    );
  });

  it('the URL of a database is shown in full but for the password where it is written as it should be', () => {
    expect(withoutPassword('mysql://app:word@db.example.org:3306/school')).toBe(
      'mysql://app:***@db.example.org:3306/school',
    );
    expect(withoutPassword('mariadb://app@[::1]/school')).toBe('mariadb://app@[::1]/school');
    expect(withoutPassword('sqlite:data/rollcall.sqlite')).toBe('sqlite:data/rollcall.sqlite');
    expect(withoutPassword('mysql2://app:word@db/school')).toBe('mysql2://app:***@db/school');
    expect(withoutPassword('mysql://app:pass/word@db/school')).toBe(
      'mysql://… (not shown, because it may contain a password)',
    );
    expect(withoutPassword('word')).toBe('… (not shown, because it may contain a password)');
  });
});

it.each(['JWKS_URL', 'CORS_ORIGINS'])(
  'the URL %s with a user and password is a mistake that does not show them',
  name => {
    for (const value of [
      'https://app:S3cret@id.example.org/keys',
      'ftp://app:S3cret@id.example.org',
      'app:S3cret@id',
    ]) {
      expect(() => readConfig({ [name]: value })).toThrow(ConfigError);
      expect(mistakesOf({ [name]: value }).join()).not.toContain('S3cret');
    }
  },
);

/** Returns each text that commands print about a configuration with this URL, and about a failure with it. */
function textsOf(url: string): string[] {
  const refused = ['ECONNREFUSED', 'ER_ACCESS_DENIED_ERROR', 'ER_BAD_DB_ERROR'].map(code =>
    failureText(explain(Object.assign(new Error('no'), { code }), url)),
  );
  return [...mistakesOf({ DATABASE_URL: url }), ...refused, ...kindError(url)];
}

function mistakesOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    return [failureText(error), inspect(error), ...(error as ConfigError).mistakes];
  }
}

function kindError(url: string): string[] {
  try {
    dialectOfUrl(url);
    return [];
  } catch (error) {
    return [failureText(error), inspect(error)];
  }
}
