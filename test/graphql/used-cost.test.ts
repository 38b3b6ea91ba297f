import { getOperationAST, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { assessOperation } from '../../src/graphql/costs/query-limits.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import type { TableSizes } from '../../src/reading/index.js';

const schema = graphqlSchema();
const sizes: TableSizes = {
  courses: 20_000,
  enrollments: 2_000_000,
  largest: Array.from({ length: 100 }, () => 10_000),
  mostTaught: { courses: 2000, enrollments: 200_000 },
  runs: 100,
  changes: 1000,
};

/** Returns the maximum cost of an operation, and the cost that its answer used, in points. */
function pointsOf(
  query: string,
  data: unknown,
  variables: Record<string, unknown> = {},
): { cost: number; took: number } {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  const { cost, refusal, unusedBy } = assessOperation(
    { schema, document, operation: getOperationAST(document)!, variables, viewer: { role: Role.ADMIN, userId: 7 } },
    { maxDepth: 12, maxCost: 50_000, maxAliases: 1000, maxDirectives: 1000, sizes: { current: sizes } },
  );
  expect(refusal).toBeNull();
  return { cost, took: cost - unusedBy(data) };
}

const READ_POINTS = 50;

describe('the cost that an operation used', () => {
  it('the used cost has a point for each value of the answer, and 50 for each field that reads', () => {
    const query =
      '{ courses(first: 100) { nodes { id ...Rest } pageInfo { hasNextPage } } } fragment Rest on Course { named: title instructor { name } }';
    const nodes = [
      { id: '1', named: 'One', instructor: { name: 'A' } },
      { id: '2', named: 'Two', instructor: null },
    ];
    // courses; nodes, pageInfo and what it has; three values of two courses; a name.
    expect(pointsOf(query, { courses: { nodes, pageInfo: { hasNextPage: false } } }).took).toBe(
      1 + 3 + 2 * 3 + 1 + 2 * READ_POINTS,
    );
    // There is no course, so no instructor was looked up.
    expect(pointsOf(query, { courses: { nodes: [], pageInfo: { hasNextPage: false } } }).took).toBe(
      1 + 3 + READ_POINTS,
    );
  });

  it('the used cost includes the courses that a search compared, however few it found', () => {
    const query = '{ courses(filter: { title: { contains: "zz" } }) { totalCount nodes { id } } }';
    const { cost, took } = pointsOf(query, { courses: { totalCount: 0, nodes: [] } });
    expect(took).toBe(6000 + 1 + 2 + READ_POINTS);
    expect(cost).toBe(6000 + 1 + 20 * 3);
  });

  it('the used cost includes the rows that were counted, for the existing courses', () => {
    const query = '{ courses(first: 5) { nodes { enrollmentsByStatus { count } } } }';
    const counted = [{ count: 1 }, { count: 2 }];
    const one = pointsOf(query, { courses: { nodes: [{ enrollmentsByStatus: counted }] } });
    expect(one.took).toBe(1 + 1 + 11 + 2 + 2 * READ_POINTS + 10_000 * 0.03);
    const two = pointsOf(query, {
      courses: { nodes: [{ enrollmentsByStatus: counted }, { enrollmentsByStatus: counted }] },
    });
    expect(two.took - one.took).toBe(11 + 2 + 10_000 * 0.03);
  });

  it('the used cost includes the lists from which a page is put together, of which its rows pay for a part', () => {
    const query =
      '{ courses(first: 2) { nodes { enrollments(first: 20, filter: { status: [ACTIVE, DROPPED, SUSPENDED] }) { edges { node { id } } } } } }';
    const page = (rows: number): object => ({
      enrollments: { edges: Array.from({ length: rows }, (_, id) => ({ node: { id } })) },
    });
    const took = (...rows: number[]): number => pointsOf(query, { courses: { nodes: rows.map(page) } }).took;
    const [one, more] = [took(0), took(4)];
    // Four rows cost a point each for the edge's node, and one for its id, and pay 2.5 each.
    expect(more - one).toBe(4 * 2 - 4 * 2.5);
    expect(one).toBeGreaterThan(2 * READ_POINTS + 50 * 2);
    expect(took(4, 0) - more).toBeGreaterThan(50);
  });

  it('the used cost is the charged cost where the answer has all that it can have, and never more', () => {
    const { cost, took } = pointsOf('{ course(id: 1) { id title } }', { course: { id: '1', title: 'A' } });
    expect(took).toBe(cost);
    expect(pointsOf('{ __typename }', { __typename: 'Query' })).toEqual({ cost: 1, took: 1 });
  });

  it('the used cost of an introspection is all of its cost', () => {
    const { cost, took } = pointsOf('{ courses(first: 100) { nodes { id } } __schema { types { name } } }', {
      courses: { nodes: [] },
      __schema: { types: [] },
    });
    expect(took).toBe(cost);
  });

  it('the used cost counts each use of what is selected twice, as the cost does', () => {
    const once = pointsOf('{ courses { nodes { id } } }', { courses: { nodes: [{ id: '1' }] } });
    const twice = pointsOf('{ courses { nodes { id } } courses { nodes { id } } }', {
      courses: { nodes: [{ id: '1' }] },
    });
    expect(twice.took).toBeGreaterThan(once.took);
    expect(twice.took).toBeLessThanOrEqual(twice.cost);
  });

  it('the used cost leaves out what the variables leave out, and includes the values of lists in arguments', () => {
    const query =
      'query ($no: Boolean!, $ids: [ID!]) { courses(filter: { ids: $ids }) { totalCount @include(if: $no) nodes { id title } } }';
    const data = { courses: { nodes: [] } };
    const few = pointsOf(query, data, { no: false, ids: ['1'] }).took;
    const many = pointsOf(query, data, { no: false, ids: Array.from({ length: 101 }, (_, id) => String(id + 1)) }).took;
    expect(many - few).toBeCloseTo(10 + 100 * 0.15, 6);
  });
});
