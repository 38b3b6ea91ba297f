import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { errorCatalogue, type ErrorCode } from '../../src/graphql/errors/error-catalogue.js';
import { userErrorCatalogue } from '../../src/graphql/errors/user-error-catalogue.js';
import { startServer } from '../../src/http/server.js';
import { issueToken } from '../../src/access/tokens.js';
import { startApi, type Api } from '../support/api.js';
import { startBreakingProxy } from '../support/breaking-proxy.js';
import { describeOnServers, freshDatabase, kinds } from '../support/databases.js';
import { serverKinds } from '../support/server.js';
import { addExampleSchool } from '../docs/example-school.js';
import { hasFormOf } from './message-forms.js';
import { errorRequests, userErrorMutations } from './provoked-errors.js';
import { fetchReply, type Ask, type Reply } from './provoked-rejections.js';

interface Told {
  readonly status: number | null;
  readonly errors: { message: string; extensions: { code: string } }[];
  readonly userErrors: { message: string; code: string }[];
}

function toldBy({ status, text }: Reply): Told {
  const { data, errors = [] } = JSON.parse(text) as {
    data?: Record<string, { userErrors?: Told['userErrors'] } | null> | null;
    errors?: Told['errors'];
  };
  return { status, errors, userErrors: Object.values(data ?? {}).flatMap(payload => payload?.userErrors ?? []) };
}

/** Asserts that answers have a code, each with a message of its form, and the statuses of the catalogue. */
function expectErrors(code: ErrorCode, told: readonly Told[]): void {
  const entry = errorCatalogue[code];
  expect(
    told
      .flatMap(({ errors }) => errors)
      .map(({ message, extensions }) => [extensions.code, message, hasFormOf(entry, message)]),
  ).toEqual(told.map(() => [code, expect.any(String), true]));
  expect([...new Set(told.flatMap(({ status }) => status ?? []))].toSorted()).toEqual(entry.status);
}

describe('a code of the catalogue', () => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi('sqlite');
    await addExampleSchool(api.database);
  });
  afterAll(() => api.stop());

  const all = async (asks: readonly Ask[]): Promise<Told[]> => {
    const told = [];
    for (const ask of asks) told.push(toldBy(await ask(api)));
    return told;
  };

  it.each(Object.entries(errorRequests))(
    'requests are answered with the code in its form and with its status: %s',
    async (code, asks) => {
      expectErrors(code as ErrorCode, await all(asks));
    },
  );

  it.each(Object.entries(userErrorMutations))(
    'mutations are answered with the code in its form: %s',
    async (code, asks) => {
      const entry = userErrorCatalogue[code as keyof typeof userErrorCatalogue];
      const told = await all(asks);
      expect(told.map(({ errors, status }) => [errors, status])).toEqual(asks.map(() => [[], 200]));
      expect(
        told.flatMap(({ userErrors }) => userErrors).map(one => [one.code, one.message, hasFormOf(entry, one.message)]),
      ).toEqual(asks.map(() => [code, expect.any(String), true]));
    },
  );

  it('these tests provoke every code of the catalogue', () => {
    // RETRY_LATER by retry-later.test.ts, those of another application's database by adopted-database.test.ts, the
    // others below.
    const elsewhere = ['COMMIT_UNKNOWN', 'DATABASE_UNAVAILABLE', 'READ_FAILED', 'RETRY_LATER'];
    expect([...Object.keys(errorRequests), ...elsewhere, 'NOT_WRITABLE', 'UNKNOWN_VALUE'].toSorted()).toEqual(
      Object.keys(errorCatalogue).toSorted(),
    );
    expect(Object.keys(userErrorMutations).toSorted()).toEqual(Object.keys(userErrorCatalogue).toSorted());
  });
});

// On one of the servers: the codes are the same on each, and waiting for a server that is away takes long.
describeOnServers(
  'the codes that a lost connection causes',
  kind => {
    it('a lost connection is reported as COMMIT_UNKNOWN, and then as READ_FAILED and DATABASE_UNAVAILABLE', async ({
      onTestFinished,
    }) => {
      const direct = await freshDatabase(kind);
      const url = new URL(direct.url);
      const proxy = await startBreakingProxy(Number(url.port));
      url.port = String(proxy.port);
      const config = readConfig({ DATABASE_URL: url.href, HOST: '127.0.0.1', PORT: '0', NODE_ENV: 'test' });
      const database = await openDatabase(url.href);
      const server = await startServer({ config, database, logger: pino({ level: 'silent' }) });
      onTestFinished(async () => {
        await server.close();
        await database.close(true);
        await proxy.close();
        await direct.drop();
      });
      const ofAdmin = `Bearer ${await issueToken(config.jwt, { role: Role.ADMIN, userId: null, expiresIn: '1h' })}`;
      const ofUser = `Bearer ${await issueToken(config.jwt, { role: Role.TEACHER, userId: 1, expiresIn: '1h' })}`;
      const ask = async (query: string, authorization = ofAdmin) =>
        toldBy(
          await fetchReply(server.url, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization },
            body: JSON.stringify({ query }),
          }),
        );
      const create = 'mutation { createCourse(input: { title: "New" }) { course { id } } }';
      const gone = proxy.goAtCommit();
      const unknown = ask(create);
      await gone;
      const [unread, unavailable, unknownUser] = [
        ask('{ courses { totalCount } }'),
        ask(create),
        ask('{ me { id } }', ofUser),
      ];
      expectErrors('COMMIT_UNKNOWN', [await unknown]);
      expectErrors('READ_FAILED', [await unread]);
      expectErrors('DATABASE_UNAVAILABLE', [await unavailable, await unknownUser]);
    });
  },
  [serverKinds.find(one => kinds.includes(one)) ?? serverKinds[0]],
);
