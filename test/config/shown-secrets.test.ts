import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { explain } from '../../src/cli/failures/explain.js';
import { failureText } from '../../src/cli/failures/failure-text.js';
import { welcomeText } from '../../src/cli/reports/welcome.js';
import { configVariables, type ConfigVariableName } from '../../src/config/config-variables.js';
import { readConfig, type Config } from '../../src/config/config.js';
import { openExistingDatabase } from '../../src/database/database.js';
import { readTrustedDocuments } from '../../src/graphql/documents/trusted-documents.js';
import { documentRulesOf } from '../../src/graphql/documents/documents.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { Role } from '../../src/entities/index.js';
import { examineSecrets } from '../../src/tools/doctor/secrets.js';
import { issueToken } from '../../src/access/tokens.js';
import { placeToRun } from '../support/command-line.js';

/** The forms in which a URL or a connection text with a password can come into a variable. */
const forms: readonly ((secret: string) => string)[] = [
  secret => `mysql://app:${secret}@127.0.0.1:9/school`,
  secret => `mysql2://app:${secret}@db/school`,
  secret => `MySQL://app:${secret}@db/school`,
  secret => `mysql+pymysql://app:${secret}@db/school`,
  secret => `jdbc:mysql://h/db?password=${secret}`,
  secret => `jdbc:mysql://127.0.0.1:9/school?user=app&password=${secret}`,
  secret => `mysql://app:${secret}/x@db/school`,
  secret => `mysql://app:12/${secret}@db/school`,
  secret => `Server=db;Database=school;Uid=app;Pwd=${secret};`,
  secret => `Server=db,3306;Password=${secret}`,
  secret => `host=db user=app password=${secret}`,
  secret => `password=${secret}`,
  secret => `password: ${secret}`,
  secret => `Pwd ${secret}`,
  secret => `token=${secret}`,
  secret => `Bearer ${secret}`,
  secret => `app:${secret}`,
  secret => `app:${secret}@db`,
  secret => `app:${secret}@tcp(db:3306)/school`,
  secret => `mysql -h db -u app -p${secret}`,
  secret => `mysql --password=${secret} db:3306`,
  secret => `redis://:${secret}@127.0.0.1:9/0`,
  secret => `rediss://app:${secret}@127.0.0.1:9`,
  secret => `127.0.0.1:6379,password=${secret},ssl=True`,
  secret => `http://app:${secret}@127.0.0.1:9/keys`,
  secret => `https://${secret}@127.0.0.1:9/keys`,
  secret => `http://127.0.0.1:9/keys?apikey=${secret}`,
  secret => `http://127.0.0.1:9/keys#${secret}`,
  secret => `https://school.example,https://app:${secret}@school.example`,
  secret => `password=${secret}:9464`,
  secret => `sqlite:data?key=${secret}/school.sqlite`,
  secret => `sqlite:data/school.sqlite?key=${secret}`,
  secret => `sqlite://app:${secret}@db/school`,
  secret => `DefaultEndpointsProtocol=https;AccountKey=${secret}==`,
  secret => `{"password":"${secret}"}`,
  secret => `"mysql://app:${secret}@db/school"`,
];

/**
 * Passwords as people choose them: of letters and digits, or with every character that has a meaning in a URL; no other
 * text contains their beginning.
 */
const secrets = fc
  .oneof(
    fc.string({ unit: fc.constantFrom(...'abcXYZ019'), minLength: 4, maxLength: 20 }),
    fc.string({ unit: fc.constantFrom(..."abcXYZ019@/?#%&=+;'!$[]()"), minLength: 4, maxLength: 20 }),
  )
  .map(text => `S3cr${text}`);

const names = Object.keys(configVariables) as ConfigVariableName[];
const rules = documentRulesOf(graphqlSchema(), readConfig({}));

describe('a password in a variable of the configuration', () => {
  it('no message about a variable of the configuration shows its password, whichever variable it is and whatever form the password has', async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...names), fc.constantFrom(...forms), secrets, async (name, form, secret) => {
        const texts = await textsOf({ [name]: form(secret) }, form(secret));
        if (texts.length > 0) refused += 1;
        for (const text of texts) expect(text, `${name}=${form(secret)}`).not.toContain('S3cr');
      }),
      { numRuns: 3000, seed: 11 },
    );
    expect(refused).toBeGreaterThan(2000);
  });

  const place = placeToRun();
  afterAll(() => place.leave());
  it.each(['doctor', 'serve'])('no output of %s shows a password, whatever the variables hold', async command => {
    for (const form of [forms[4]!, forms[11]!]) {
      const { stdout, stderr } = await place.run(
        [command],
        Object.fromEntries(names.map(name => [name, form('S3cretWord')])),
      );
      expect(stdout + stderr).not.toContain('S3cr');
      expect(stdout + stderr).toContain('mistakes');
    }
  });
});

/** Returns each text that commands print about variables: their mistakes, or their failures and settings in use. */
async function textsOf(env: Record<string, string>, value: string): Promise<string[]> {
  let config: Config;
  try {
    config = readConfig(env);
  } catch (error) {
    return [failureText(error), inspect(error)];
  }
  const texts: string[] = [];
  const failing = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const told = explain(error, config.databaseUrl);
      texts.push(failureText(told));
    }
  };
  // The messages of the system and the drivers for an unknown name or path.
  if (env['HOST'] !== undefined || env['METRICS'] !== undefined)
    texts.push(
      failureText(
        explain(
          Object.assign(new Error('no'), { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: value }),
          config.databaseUrl,
        ),
      ),
    );
  if (env['DATABASE_URL']?.startsWith('sqlite:')) await failing(() => openExistingDatabase(config.databaseUrl));
  for (const code of ['ECONNREFUSED', 'ER_BAD_DB_ERROR'])
    texts.push(failureText(explain(Object.assign(new Error('no'), { code }), config.databaseUrl)));
  if (config.trustedDocuments !== null) await failing(() => readTrustedDocuments(config.trustedDocuments!, rules));
  if (config.jwt.jwksUrl !== undefined) {
    await failing(() => issueToken(config.jwt, { role: Role.ADMIN, userId: null, expiresIn: '1h' }));
    texts.push(
      await welcomeText('http://localhost:4000/graphql', config.jwt, {} as never),
      JSON.stringify(await examineSecrets(config, undefined, 1000)),
    );
  }
  return texts;
}
