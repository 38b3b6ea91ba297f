import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../../support/api.js';
import { callers, mutations, newWorld, tokenOf } from '../operations.js';

const text = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const folder = new URL('../../../src/graphql/resolvers/', import.meta.url);

describe('access', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  it.each(mutations.map(one => [`${one.field} ${one.variant ?? ''}`.trim(), one] as const))(
    'a caller whose role alone decides is rejected before any statement runs: %s',
    async (_, { ask, outcomes }) => {
      const world = await newWorld(api);
      for (const [index, caller] of callers.entries()) {
        const isOfRole =
          outcomes[index] === 'UNAUTHENTICATED' ||
          (outcomes[index] === 'FORBIDDEN' && caller.toLowerCase().endsWith('student'));
        if (!isOfRole) continue;
        const token = await tokenOf(api, world, caller);
        expect(await api.statements(() => api.send(token, `mutation { ${ask(world)} }`)), caller).toEqual([]);
      }
    },
  );
});

it('access to mutations is checked in the use cases alone: no resolver asks for a role', () => {
  const asking = readdirSync(folder).filter(name =>
    /\b(?:adminOnly|staffOnly|manageOnly|Role\.(?:STUDENT|TEACHER))\b/.test(
      text(`../../../src/graphql/resolvers/${name}`),
    ),
  );
  expect(asking).toEqual([]);
});
