import { parse, type OperationDefinitionNode } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { examples } from '../../../src/http/exploring/examples.js';
import { exampleAccounts } from '../../../src/tools/sample-data/example-accounts.js';
import { defaultSeedSize, seedDatabase } from '../../../src/tools/sample-data/seed-database.js';
import { startApi, type Api } from '../../support/api.js';

describe('the examples of the pages for exploring', () => {
  let api: Api;
  const tokens = new Map<Role | null, string | null>([[null, null]]);

  beforeAll(async () => {
    api = await startApi('sqlite');
    await seedDatabase(api.database, defaultSeedSize);
    const { student, teacher, admin } = await exampleAccounts(api.database);
    tokens
      .set(Role.STUDENT, await api.token(Role.STUDENT, student))
      .set(Role.TEACHER, await api.token(Role.TEACHER, teacher))
      .set(Role.ADMIN, await api.token(Role.ADMIN, admin));
  });
  afterAll(() => api.stop());

  it('there are examples for everybody and for each role', () => {
    expect(examples.map(({ role }) => role)).toEqual([null, null, ...Object.values(Role)]);
  });

  it('the examples show the counts that a subscription begins with', async () => {
    const { document } = examples.find(({ name }) => name === 'Live')!;
    const events = await fetch(`${api.url}/stream?query=${encodeURIComponent(document)}`, {
      headers: { accept: 'text/event-stream' },
    });
    let text = '';
    for await (const part of events.body!.pipeThrough(new TextDecoderStream()))
      if (/"totalEnrollments":[1-9]/.test((text += part)) || text.includes('errors')) break;
    expect(text).toMatch(/"courseId":"3".*"totalEnrollments":[1-9]/);
  });

  const operations = examples
    .filter(({ name }) => name !== 'Live')
    .flatMap(({ role, name, document }) =>
      parse(document).definitions.map(one => ({
        role,
        name,
        document,
        operationName: (one as OperationDefinitionNode).name!.value,
      })),
    );

  it.each(operations)(
    'the example $name: $operationName works on the sample data',
    async ({ role, document, operationName }) => {
      const { data, errors } = await api.send(tokens.get(role)!, document, {}, operationName);
      expect(errors).toBeUndefined();
      const [payload] = Object.values(data as Record<string, { totalCount?: number; userErrors?: unknown[] }>);
      expect(payload?.userErrors ?? []).toEqual([]);
      // An example without rows explains nothing; the runs follow the dry run.
      if (payload?.totalCount !== undefined) expect(payload.totalCount).toBeGreaterThan(0);
    },
  );

  it.each(operations.filter(({ role }) => role !== null))(
    'the example $name: $operationName needs its token',
    async ({ document, operationName }) => {
      const { data, errors } = await api.send(null, document, {}, operationName);
      expect([Object.values(data ?? {})[0] ?? null, errors?.[0]?.extensions.code]).toEqual(
        operationName === 'MyEnrollments'
          ? [null, undefined]
          : operationName === 'Drafts'
            ? [expect.objectContaining({ totalCount: 0 }), undefined]
            : [null, 'UNAUTHENTICATED'],
      );
    },
  );
});
