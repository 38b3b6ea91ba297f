import { getOperationAST, parse, validate } from 'graphql';
import { describe, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { assessOperation } from '../../src/graphql/costs/query-limits.js';
import { readPrices } from '../../src/graphql/costs/read-cost.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { rowsOfLargest, type TableSizes } from '../../src/reading/index.js';

const schema = graphqlSchema();

/**
 * The sizes of 20,000 courses with 2,000,000 enrollments, of which the largest course has 190,000, the second a half of
 * that, the third a third.
 */
const sizes: TableSizes = {
  courses: 20_000,
  enrollments: 2_000_000,
  largest: Array.from({ length: 100 }, (_, index) => Math.floor(190_000 / (index + 1))),
  mostTaught: { courses: 2000, enrollments: 200_000 },
  runs: 100,
  changes: 1000,
};

/** Returns the points of an operation, and the message with which it is refused, if it is. */
function assessed(
  query: string,
  role: Role | null = Role.ADMIN,
  variables: Record<string, unknown> = {},
): { cost: number; message: string | undefined } {
  const document = parse(query);
  expect(validate(schema, document)).toEqual([]);
  const sent = {
    schema,
    document,
    operation: getOperationAST(document)!,
    variables,
    viewer: role && { role, userId: 7 },
  };
  const { cost, refusal } = assessOperation(sent, {
    maxDepth: 12,
    maxCost: 50_000,
    maxAliases: 1000,
    maxDirectives: 1000,
    sizes: { current: sizes },
  });
  return { cost, message: refusal?.message };
}

/** The part of type-graphql's metadata that says which fields have resolvers. */
interface Described {
  readonly fieldResolvers: readonly {
    kind: string;
    schemaName: string;
    target: unknown;
    getObjectType?: () => unknown;
  }[];
  readonly objectTypes: readonly { target: unknown; name: string }[];
  readonly resolverClasses: readonly { target: unknown; getObjectType: () => unknown }[];
}

/** type-graphql keeps it there, and its package does not export it. */
const getMetadataStorage = (): Described =>
  (globalThis as unknown as { TypeGraphQLMetadataStorage: Described }).TypeGraphQLMetadataStorage;

describe('the price of reading', () => {
  it('each field that has a resolver of its own has a price', () => {
    getMetadataStorage();
    const types = Object.values(schema.getTypeMap()).filter(
      type => 'getFields' in type && !type.name.startsWith('__') && 'isTypeOf' in type,
    );
    const resolved = getMetadataStorage()
      .fieldResolvers.filter(({ kind }) => kind === 'external')
      .map(({ schemaName, getObjectType, target }) => `${nameOf(getObjectType ?? (() => target))}.${schemaName}`);
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap(type =>
      Object.keys(type!.getFields()).map(name => `${type!.name}.${name}`),
    );
    expect(types.length).toBeGreaterThan(10);
    expect(Object.keys(readPrices).toSorted()).toEqual([...resolved, ...roots].toSorted());
  });

  it('the price of a search is that of every course, and of its totalCount as much again', () => {
    expect(assessed('{ courses { nodes { id } } }').cost).toBe(41);
    expect(assessed('{ courses(filter: {}) { nodes { id } } }').cost).toBe(41);
    expect(assessed('{ courses(filter: { isPublished: true }) { nodes { id } } }').cost).toBe(41);
    expect(assessed('{ courses(filter: { status: [DRAFT] }) { nodes { id } } }').cost).toBe(41 + 2 * 50);
    expect(assessed('{ courses(filter: { title: { contains: "zz" } }) { nodes { id } } }').cost).toBe(41 + 3000);
    expect(assessed('{ courses(filter: { title: { contains: "zz" } }) { totalCount } }').cost).toBe(21 + 6000);
    expect(assessed('{ courses(filter: { ids: [1, 2, 3] }) { totalCount } }').cost).toBeLessThan(25);
    expect(
      assessed('query ($no: Boolean = false) { courses { totalCount @include(if: $no) nodes { id } } }').cost,
    ).toBe(41);
    expect(assessed('{ courses { ...Count } } fragment Count on CourseConnection { totalCount }').cost).toBe(21 + 3000);
  });

  it('the price of a count at many courses is that of the largest courses together', () => {
    const points = (rows: number): number => Math.ceil(rows * 0.03);
    expect(rowsOfLargest(sizes, 1)).toBe(190_000);
    expect(rowsOfLargest(sizes, 3)).toBe(190_000 + 95_000 + 63_333);
    expect(rowsOfLargest(sizes, 3, 100_000)).toBe(100_000 + 95_000 + 63_333);
    expect(rowsOfLargest(sizes, 20_000)).toBe(2_000_000);
    expect(Math.ceil(assessed('{ course(id: 1) { enrollmentsByStatus { count } } }').cost)).toBe(
      1 + 21 + points(190_000),
    );
    expect(Math.ceil(assessed('{ courses(first: 3) { nodes { enrollmentsByStatus { count } } } }').cost)).toBe(
      1 + 3 * 22 + points(348_333),
    );
    expect(assessed('{ courses(first: 50) { nodes { enrollmentsCount { count } } } }').cost).toBeLessThan(
      assessed('{ courses(first: 50) { nodes { enrollmentsCount(limit: null) { count } } } }').cost / 2,
    );
  });

  it.each([
    [
      '375 searches with totalCount',
      `{ ${Array.from({ length: 375 }, (_, index) => `a${index}: courses(filter: { title: { contains: "zz" } }) { totalCount }`).join(' ')} }`,
      null,
      'Query.courses',
    ],
    [
      '41 computed counts with limits that no course reaches, of 100 courses',
      `{ courses(first: 100) { nodes { ${Array.from({ length: 41 }, (_, index) => `c${index}: enrollmentsCount(limit: ${1_000_000_000 + index}) { count }`).join(' ')} } } }`,
      null,
      'Course.enrollmentsCount',
    ],
    [
      'three enrollmentsByStatus of 100 courses',
      `{ ${['a', 'b', 'c'].map(name => `${name}: courses(first: 100) { nodes { enrollmentsByStatus { count } } }`).join(' ')} }`,
      null,
      'Course.enrollmentsByStatus',
    ],
    [
      'the enrollments of one status, of all courses, counted twice',
      '{ a: enrollments(filter: { status: [SUSPENDED] }) { totalCount } b: enrollments(filter: { status: [DROPPED] }) { totalCount } }',
      Role.ADMIN,
      'Query.enrollments',
    ],
    [
      'the enrollments of two statuses of all courses of a teacher, twice',
      '{ a: enrollments(first: 1, filter: { status: [ACTIVE, DROPPED] }) { nodes { id } } b: enrollments(first: 1, filter: { status: [ACTIVE, COMPLETED] }) { nodes { id } } }',
      Role.TEACHER,
      'Query.enrollments',
    ],
    [
      'the enrollments of three statuses of each of 100 courses, four times',
      `{ courses(first: 100) { nodes { ${['a', 'b', 'c', 'd'].map(name => `${name}: enrollments(first: 1, filter: { status: [ACTIVE, DROPPED, SUSPENDED] }) { nodes { id } }`).join(' ')} } } }`,
      Role.ADMIN,
      'Course.enrollments',
    ],
    [
      'two verifies',
      'mutation { a: verifyEnrollmentCounts { ok } b: verifyEnrollmentCounts { ok } }',
      Role.ADMIN,
      'Mutation.verifyEnrollmentCounts',
    ],
    [
      'two deletions of courses',
      'mutation { a: deleteCourse(input: { id: 1 }) { deletedId } b: deleteCourse(input: { id: 2 }) { deletedId } }',
      Role.ADMIN,
      'Mutation.deleteCourse',
    ],
    [
      'a subscription to 100 courses with their counts by status, three times',
      `subscription { courseCountsChanged(courseIds: [${Array.from({ length: 100 }, (_, index) => index + 1).join()}]) { course { ${['a', 'b', 'c'].map(name => `${name}: enrollmentsByStatus { count }`).join(' ')} } } }`,
      null,
      'Course.enrollmentsByStatus',
    ],
  ] as const)(
    'the price rejects, on large tables, %s, and names the field and the alternative',
    (_, query, role, field) => {
      const { message } = assessed(query, role);
      expect(message).toContain(`is for "${field}". ${readPrices[field]!.advice}`);
    },
  );

  it.each([
    [
      'a search with totalCount',
      '{ courses(first: 50, filter: { title: { contains: "a" } }) { totalCount nodes { title totalEnrollments instructor { name } } } }',
      null,
    ],
    [
      '50 courses with their teachers and computed counts',
      '{ courses(first: 50) { nodes { title instructor { name } enrollmentsCount { count precision } enrollmentsByStatus { status count } } } }',
      null,
    ],
    [
      '100 courses with 20 enrollments each and their students',
      '{ courses(first: 100) { nodes { __typename id title enrollments { edges { cursor node { __typename id status student { __typename id name } } } } } } }',
      Role.ADMIN,
    ],
    [
      'an admin, all enrollments with totalCount',
      '{ enrollments(first: 100) { totalCount nodes { status student { name } course { title } } } }',
      Role.ADMIN,
    ],
    [
      'a teacher, the enrollments of all courses',
      '{ enrollments(first: 100) { nodes { status student { name } course { title } } } }',
      Role.TEACHER,
    ],
    [
      'a student, everything of all courses',
      '{ enrollments(first: 100, filter: { status: [COMPLETED, DROPPED] }, orderBy: { field: ENROLLED_AT, direction: DESC }) { totalCount nodes { status course { title } } } }',
      Role.STUDENT,
    ],
    [
      'the last enrollments of the largest course',
      '{ course(id: 1) { enrollments(first: 50, orderBy: { field: ENROLLED_AT, direction: DESC }) { nodes { student { name } } } } }',
      Role.ADMIN,
    ],
    [
      'an admin, the last enrollments of each of 100 courses',
      '{ courses(first: 100) { nodes { enrollments(orderBy: { field: ENROLLED_AT, direction: DESC }) { nodes { id } } } } }',
      Role.ADMIN,
    ],
    [
      'an admin, the suspended of all courses with totalCount',
      '{ enrollments(first: 100, filter: { status: [SUSPENDED] }) { totalCount nodes { status student { name } course { title } } } }',
      Role.ADMIN,
    ],
    [
      'an admin, the last enrollments of some statuses',
      '{ enrollments(first: 100, filter: { status: [SUSPENDED, DROPPED] }, orderBy: { field: ENROLLED_AT, direction: DESC }) { nodes { status student { name } course { title } } } }',
      Role.ADMIN,
    ],
    [
      'a teacher, the last enrollments of all courses, with totalCount',
      '{ enrollments(first: 100, orderBy: { field: ENROLLED_AT, direction: DESC }) { totalCount nodes { status student { name } course { title } } } }',
      Role.TEACHER,
    ],
    [
      'the last enrollments of the largest course, by the filter',
      '{ enrollments(first: 100, filter: { courseId: 1, status: [ACTIVE, DROPPED] }, orderBy: { field: ENROLLED_AT, direction: DESC }) { totalCount nodes { id } } }',
      Role.ADMIN,
    ],
    ['a verify', 'mutation { verifyEnrollmentCounts { ok driftCount } }', Role.ADMIN],
    ['the deletion of a course', 'mutation { deleteCourse(input: { id: 1 }) { deletedId } }', Role.ADMIN],
  ] as const)('the price allows, on large tables, %s', (_, query, role) => {
    expect(assessed(query, role).message).toBeUndefined();
  });
});

function nameOf(type: () => unknown): string {
  const storage = getMetadataStorage();
  const known = [...storage.objectTypes].find(({ target }) => target === type());
  if (known) return known.name;
  const { getObjectType } = storage.resolverClasses.find(({ target }) => target === type())!;
  return storage.objectTypes.find(({ target }) => target === getObjectType())!.name;
}
