import { getNamedType, isEnumType, isInputObjectType, isListType, isNonNullType, type GraphQLInputType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startApi, type Api } from '../support/api.js';
import { Name, operationFor, type Filling } from './input-places.js';
import { kindOf, namedPlaces } from './schema-places.js';
import { expectReadable } from './readable-messages.js';

/** Returns values that no variable of a type can have; an enum's, as names too. */
function misfitsOf(type: GraphQLInputType): unknown[] {
  if (isNonNullType(type)) return [null, ...misfitsOf(type.ofType)];
  if (isListType(type))
    return [
      [null],
      ...misfitsOf(type.ofType)
        .filter(one => one !== null && !Array.isArray(one))
        .map(one => [one]),
    ];
  const one = getNamedType(type);
  if (isInputObjectType(one)) return ['x', 1, true, 'x'.repeat(100_000), 'a\0b'];
  if (isEnumType(one))
    return [
      1,
      true,
      { a: 1 },
      ...['NOPE', '__proto__', one.getValues()[0]!.name.toLowerCase(), 'X'.repeat(100_000)].map(name => new Name(name)),
    ];
  return {
    ID: [true, 1.5, [1], { id: 1 }],
    String: [1, 1.5, true, { a: 1 }],
    Int: ['ten', '1', 1.5, 2_147_483_648, -2_147_483_649, 1e100, true, { a: 1 }, 'x'.repeat(100_000)],
    Boolean: ['true', 1, 0, { a: 1 }],
  }[one.name]!;
}

describe('input of another type', () => {
  let api: Api;
  const fill: Filling = (coordinate, type) =>
    isEnumType(getNamedType(type)) ? new Name(String(kindOf(coordinate).valid!(null as never))) : '1';

  beforeAll(async () => {
    api = await startApi('sqlite');
  });
  afterAll(() => api.stop());

  it.each(namedPlaces)(
    'each value of another type in a variable is reported with the variable and the path in it: %s',
    async (_, place) => {
      const values = misfitsOf(place.type);
      const { query, variables } = operationFor(place, values, fill);
      const { status, data, errors = [] } = await api.send(null, query, variables);
      expect([status, data, errors.map(({ extensions }) => extensions.code)]).toEqual([
        400,
        undefined,
        values.map(() => 'BAD_USER_INPUT'),
      ]);
      errors.forEach(({ message }, index) => {
        expectReadable(message);
        expect(message).toMatch(new RegExp(`^Variable "\\$v${index}" (got invalid value|of .*type)`));
        if (place.path.length > 1) expect(message).toContain(`at "v${index}.${place.path.slice(1).join('.')}`);
        expect(message).toMatch(new RegExp(`${getNamedType(place.type).name}|must not be null|not to be null`));
      });
    },
  );

  it.each(namedPlaces)(
    'each value of another type in the operation is reported with its line: %s',
    async (_, place) => {
      const values = misfitsOf(place.type);
      const { query } = operationFor(place, values, fill, { literally: true });
      const { status, data, errors = [] } = await api.send(null, query);
      expect([status, data, errors.map(({ extensions }) => extensions.code)]).toEqual([
        400,
        undefined,
        values.map(() => 'GRAPHQL_VALIDATION_FAILED'),
      ]);
      const lines = query.split('\n').flatMap((line, index) => (/^a\d+:/.test(line) ? [index + 1] : []));
      expect(errors.map(error => (error as unknown as { locations: { line: number }[] }).locations[0]!.line)).toEqual(
        lines,
      );
      for (const { message } of errors) expectReadable(message);
    },
  );
});
