import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KnownQueries, usualPace, type KnownQueryPace } from '../../src/graphql/documents/known-queries.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { NO_ROWS } from '../../src/reading/index.js';

const rules = {
  schema: graphqlSchema(),
  maxDepth: 12,
  maxCost: 50_000,
  maxAliases: 7,
  maxDirectives: 9,
  introspection: true,
  hidesSchema: false,
  sizes: { current: NO_ROWS },
};

const text = (number: number): string => `{ courses(first: ${number}) { nodes { id } } }`;

describe('known queries', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function newQueries(pace: KnownQueryPace): KnownQueries {
    return new KnownQueries(rules, pace);
  }

  it('a query becomes known when it is sent for the third time', () => {
    const queries = newQueries(usualPace);
    expect([1, 2, 3, 4].map(() => queries.find(text(1))?.text)).toEqual([undefined, undefined, text(1), text(1)]);
  });

  it('only a few queries become known in a second, so that nobody can keep the server busy with that', () => {
    const queries = newQueries({ usesBefore: 0, mostPerSecond: 2 });
    const known = (): boolean[] => [1, 2, 3, 4, 5].map(number => queries.find(text(number)) !== null);
    expect(known()).toEqual([true, true, false, false, false]);
    vi.advanceTimersByTime(1000);
    expect(known()).toEqual([true, true, true, true, false]);
  });

  it('the queries that are used stay known, however many other texts are sent', () => {
    const queries = newQueries({ usesBefore: 0, mostPerSecond: 1 });
    expect(queries.find(text(1))).not.toBeNull();
    for (let number = 0; number < 3000; number += 1) {
      queries.find(`{ unknown${number} }`);
      if (number % 500 === 0) expect(queries.find(text(1))).not.toBeNull();
    }
    expect(queries.find(text(1))).not.toBeNull();
  });
});
