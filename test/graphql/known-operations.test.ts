import { GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KnownOperations, usualPace, type KnownOperationPace } from '../../src/graphql/documents/known-operations.js';
import type { Context } from '../../src/graphql/context.js';
import { documentRules as rules } from '../support/document-rules.js';

const text = (number: number): string => `{ courses(first: ${number}) { nodes { id } } }`;

describe('known operations', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  function newQueries(pace: KnownOperationPace): KnownOperations {
    return new KnownOperations(rules, pace);
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

  it.each([
    ['{ __schema { types { name } } }'],
    ['query A { __typename } query B { __typename }'],
    ['subscription { courseCounts { totalEnrollments } }'],
    ['{ nothing }'],
  ])('what is no single query or mutation of data never becomes known: %s', source => {
    const operations = newQueries({ usesBefore: 0, mostPerSecond: 5 });
    expect([operations.find(source), operations.find(source)]).toEqual([null, null]);
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

describe('a known operation that runs', () => {
  /** Returns the operation of a text on fields that fail in their first `failures` runs, and the number of their runs. */
  function operationOf(source: string, failures: number) {
    const runs = { number: 0, contexts: new Set<unknown>() };
    const resolve = (_: unknown, _given: unknown, context: unknown): string => {
      runs.number += 1;
      runs.contexts.add(context);
      if (runs.number <= failures) throw new Error(`failure ${runs.number}`);
      return 'value';
    };
    const fields = { a: { type: GraphQLString, resolve }, b: { type: GraphQLString, resolve } };
    const schema = new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields }),
      mutation: new GraphQLObjectType({ name: 'Mutation', fields }),
    });
    const operation = new KnownOperations({ ...rules, schema }, { usesBefore: 0, mostPerSecond: 1 }).find(source)!;
    return { runs, operation };
  }
  const newContext = (): Context => ({ select: () => undefined }) as unknown as Context;

  it('a query with several errors that runs again without one has no errors', async () => {
    const { operation, runs } = operationOf('{ a b }', 2);
    const { result } = await operation.run(newContext, {});
    expect(result).toEqual({ data: { a: 'value', b: 'value' } });
    expect(runs).toMatchObject({ number: 4, contexts: { size: 2 } });
  });

  it('a query with one error runs once', async () => {
    const { operation, runs } = operationOf('{ a b }', 1);
    const { result } = await operation.run(newContext, {});
    expect(result).toMatchObject({ data: { a: null, b: 'value' }, errors: [{ message: 'failure 1', path: ['a'] }] });
    expect(runs.number).toBe(2);
  });

  it('a mutation runs once, whatever fails in it', async () => {
    const { operation, runs } = operationOf('mutation { a b }', 2);
    const { result } = await operation.run(newContext, {});
    expect(result).toMatchObject({ data: { a: null, b: null }, errors: [{ path: ['a'] }, { path: ['b'] }] });
    expect(runs).toMatchObject({ number: 2, contexts: { size: 1 } });
  });
});
