import fc from 'fast-check';
import { nested, operands, ordered, values } from './shells.js';

/** A condition, and the same for MikroORM, in whose lists null is nothing. */
export interface AnyCondition {
  readonly where: Record<string, unknown>;
  readonly find: Record<string, unknown>;
}

/** A change of rows; numbers choose among the rows that are there. */
export type AnyWrite =
  | { readonly type: 'create' | 'insertMany'; readonly rows: readonly Record<string, unknown>[] }
  | {
      readonly type: 'update' | 'updateWhere';
      readonly picks: readonly number[];
      readonly row: Record<string, unknown>;
    }
  | { readonly type: 'remove' | 'deleteWhere'; readonly picks: readonly number[] };

const paths = Object.keys(values);

const same = (where: Record<string, unknown>): AnyCondition => ({ where, find: where });

/** A test of one property. */
const leaf: fc.Arbitrary<AnyCondition> = fc.constantFrom(...paths).chain(path => {
  const at = (value: unknown) => nested({ [path]: value });
  const nulls = fc.constantFrom(at(null), at({ $eq: null }), at({ $ne: null })).map(same);
  const known = operands[path]!;
  if (known.length === 0) return nulls;
  const one = fc.constantFrom(...known);
  const list = fc.uniqueArray(one, { minLength: 1, maxLength: 3 });
  const equal = one.chain(value => fc.constantFrom(at(value), at({ $eq: value }), at({ $ne: value })).map(same));
  const lists = list.chain(some =>
    fc.constantFrom<AnyCondition>(
      same(at(some)),
      same(at({ $in: some })),
      same(at({ $nin: some })),
      { where: at([...some, null]), find: { $or: [at(some), at(null)] } },
      { where: at({ $nin: [null, ...some] }), find: { $and: [at({ $nin: some }), at({ $ne: null })] } },
    ),
  );
  if (!ordered.includes(path)) return fc.oneof(nulls, equal, lists);
  const bound = fc
    .tuple(fc.constantFrom('$gt', '$gte', '$lt', '$lte'), one)
    .map(([name, value]) => same(at({ [name]: value })));
  const bounds = fc
    .tuple(
      fc.constantFrom('$gt', '$gte'),
      fc.constantFrom('$lt', '$lte'),
      fc.subarray([...known], { minLength: 2, maxLength: 2 }),
    )
    .map(([above, below, [low, high]]) => same(at({ [above]: low, [below]: high })));
  return fc.oneof(nulls, equal, lists, bound, bounds);
});

/** A condition of any form, two levels deep at most. */
export const anyCondition: fc.Arbitrary<AnyCondition> = fc.oneof(
  { weight: 2, arbitrary: leaf },
  { weight: 3, arbitrary: combined(fc.oneof(leaf, combined(leaf))) },
);

function combined(part: fc.Arbitrary<AnyCondition>): fc.Arbitrary<AnyCondition> {
  const parts = fc.array(part, { minLength: 1, maxLength: 3 });
  return fc.oneof(
    parts.chain(some =>
      fc.constantFrom('$and', '$or').map(name => ({
        where: { [name]: some.map(({ where }) => where) },
        find: { [name]: some.map(({ find }) => find) },
      })),
    ),
    part.map(({ where, find }) => ({ where: { $not: where }, find: { $not: find } })),
  );
}

/** Values for a row: some of the properties, of which some are null, as the whole embedded object may be. */
const rowOf = (known: typeof values) =>
  fc
    .tuple(
      fc.record(
        Object.fromEntries(
          Object.entries(known).map(([path, some]) => [path, fc.option(fc.constantFrom(...some), { freq: 3 })]),
        ),
        { requiredKeys: [] },
      ),
      fc.nat({ max: 9 }),
    )
    .map(([flat, place]) => ({ ...nested(flat), ...(place === 0 && { place: null }) }));

/** Any values of some properties of a shell. */
export const anyRow = rowOf(values);
const rows = fc.array(anyRow, { minLength: 1, maxLength: 8 });

/** Values for bulk writes, which refuse those that the database may change. */
export const anyTameRow = rowOf({ ...operands, data: values['data']! });
const picks = fc.array(fc.nat({ max: 200 }), { minLength: 1, maxLength: 4 });

/** Any write. */
export const anyWrite: fc.Arbitrary<AnyWrite> = fc.oneof(
  { weight: 4, arbitrary: rows.map(some => ({ type: 'create' as const, rows: some })) },
  {
    weight: 1,
    arbitrary: fc
      .array(anyTameRow, { minLength: 1, maxLength: 8 })
      .map(some => ({ type: 'insertMany' as const, rows: some })),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('update' as const), picks, row: anyRow }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('updateWhere' as const), picks, row: fc.oneof(anyRow, anyTameRow) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('remove' as const, 'deleteWhere' as const), picks }) },
);
