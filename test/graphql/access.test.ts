import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { allRows, expectExactCounts } from '../support/rows.js';
import { callers, mutations, newWorld, queries, tokenOf, type Case } from './operations.js';

const nameOf = ({ field, variant }: Case): string => (variant === undefined ? field : `${field} ${variant}`);

function outcomeOf({ data, errors }: Answer, field: string): string {
  if (errors) return errors.map(({ extensions }) => extensions.code).join();
  if (data[field] === null) return 'null';
  return data[field].userErrors?.map(({ code }: { code: string }) => code).join() || 'done';
}

describe('the table of operations', () => {
  const schema = graphqlSchema();

  it('the table of operations names every query and every mutation of the schema', () => {
    expect([...new Set(queries.map(({ field }) => field))].toSorted()).toEqual(
      Object.keys(schema.getQueryType()!.getFields()).toSorted(),
    );
    expect([...new Set(mutations.map(({ field }) => field))].toSorted()).toEqual(
      Object.keys(schema.getMutationType()!.getFields()).toSorted(),
    );
  });

  it('the table of operations has an outcome for every caller', () => {
    expect([...queries, ...mutations].filter(({ outcomes }) => outcomes.length !== callers.length)).toEqual([]);
  });
});

describeOnEach('access', kind => {
  let api: Api;

  beforeAll(async () => {
    api = await startApi(kind);
  });
  afterAll(() => api.stop());

  const rows = async () => [
    await allRows(api.database),
    await api.database.em.getConnection().execute('select id, status, checked from core_recount_runs order by id'),
  ];

  /** Lets each caller try an operation in an unchanged world; returns the outcome and whether rows changed. */
  async function walk(
    type: 'query' | 'mutation',
    { field, ask }: Case,
  ): Promise<{ caller: string; outcome: string; changed: boolean }[]> {
    const walked = [];
    let world = await newWorld(api);
    let before = await rows();
    for (const caller of callers) {
      const answer = await api.send(await tokenOf(api, world, caller), `${type} { ${ask(world)} }`);
      const changed = JSON.stringify(await rows()) !== JSON.stringify(before);
      walked.push({ caller, outcome: outcomeOf(answer, field), changed });
      if (!changed) continue;
      world = await newWorld(api);
      before = await rows();
    }
    return walked;
  }

  const expected = ({ outcomes }: Case, changes: boolean) =>
    callers.map((caller, index) => ({
      caller,
      outcome: outcomes[index],
      changed: changes && outcomes[index] === 'done',
    }));

  it.each(queries.map(one => [nameOf(one), one] as const))(
    'the query %s answers each caller as the table says and changes nothing',
    async (_, one) => {
      expect(await walk('query', one)).toEqual(expected(one, false));
    },
  );

  it.each(mutations.map(one => [nameOf(one), one] as const))(
    'the mutation %s changes rows only for callers who may change them',
    async (_, one) => {
      expect(await walk('mutation', one)).toEqual(expected(one, !one.readsOnly));
      await expectExactCounts(api.database);
    },
  );
});
