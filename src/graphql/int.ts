import { GraphQLError, GraphQLInt, GraphQLScalarType } from 'graphql';

/**
 * The schema's own Int: it accepts the 32 bits of the specification, and returns any whole number that JSON represents
 * exactly, up to 2^53 − 1.
 *
 * A stored count is a column of 64 bits that other programs can write. With the built-in type one count above 2^31
 * would remove the data from every answer that contains it, even from the report of the repair. All fields and
 * arguments must use this one, because a schema has only one type of a name.
 */
export const Int = new GraphQLScalarType<number, number>({
  ...GraphQLInt.toConfig(),
  description: `${GraphQLInt.description} In an answer, it can also be a whole number beyond these, up to 2^53 - 1: a stored count that another program wrote.`,
  serialize(value) {
    return typeof value === 'number' && !fitsInto32Bits(value) ? exactInt(value) : GraphQLInt.serialize(value);
  },
});

function fitsInto32Bits(value: number): boolean {
  return value === (value | 0);
}

function exactInt(value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new GraphQLError(`Int cannot represent a number that is not whole or beyond 2^53 - 1: ${value}`);
}
