import { defineEntity, p } from '@mikro-orm/core';

/** The number of counters that count shells in one run, each by a condition of its own. */
export const COUNTERS = 32;

const keeper = { id: p.integer().primary() };
const KeeperSchema = defineEntity({ name: 'Keeper', properties: keeper });
/** What a shell may belong to besides its shore. */
export class Keeper extends KeeperSchema.class {}
KeeperSchema.setClass(Keeper);

const place = { country: p.string().length(20).nullable(), floor: p.smallint().nullable() };
const PlaceSchema = defineEntity({ name: 'Place', embeddable: true, properties: place });
/** A part of a shell, in columns of the shell's table. */
export class Place extends PlaceSchema.class {}
PlaceSchema.setClass(Place);

const shore = {
  id: p.integer().primary(),
  ...Object.fromEntries(
    Array.from({ length: COUNTERS }, (_, index) => [`c${index}`, p.integer().unsigned().default(0)] as const),
  ),
};
const ShoreSchema = defineEntity({ name: 'Shore', properties: shore });
/** The target, with a count for each condition. */
export class Shore extends ShoreSchema.class {
  declare id: number;
}
ShoreSchema.setClass(Shore);

/** The moods of shells. */
const moods = ['calm', 'wild', 'wry'] as const;

/** The properties of shells beside their relations, one of each kind. */
export const features = {
  flag: p.boolean().nullable(),
  mood: p.enum(moods).nullable(),
  whole: p.integer().nullable(),
  broken: p.double().nullable(),
  price: p.decimal().precision(10).scale(2).nullable(),
  big: p.bigint().nullable(),
  name: p.string().length(20).nullable(),
  /** The second that MySQL rounds to. */
  second: p.datetime().length(0).nullable(),
  moment: p.datetime().length(3).nullable(),
  day: p.date().nullable(),
  data: p.json().nullable(),
  place: () => p.embedded(Place).nullable(),
};

const shell = {
  id: p.integer().primary(),
  shore: () => p.manyToOne(Shore).deleteRule('restrict').updateRule('restrict'),
  keeper: () => p.manyToOne(Keeper).nullable().deleteRule('restrict').updateRule('restrict'),
  ...features,
};
const ShellSchema = defineEntity({ name: 'Shell', properties: shell });
/** A counted row with a property of each kind. */
export class Shell extends ShellSchema.class {}
ShellSchema.setClass(Shell);

const midnight = Date.UTC(2024, 2, 31);

/** Values of each property in rows: those of conditions, those beside them, and those that some database changes. */
export const values: Readonly<Record<string, readonly unknown[]>> = {
  keeper: [1, 2],
  flag: [true, false],
  mood: moods,
  whole: [-0, 1, 2, -3],
  broken: [0.1, 0.2, 0.1 + 0.2, -0, 1e21, -2.5],
  price: ['0.10', '0.1', '12.5', '-3', '-0.00', '1.005', '99999999.99'],
  big: [0n, 7n, 2n ** 60n, 2n ** 60n + 1n, -(2n ** 53n) - 1n],
  name: ['a', 'A', 'a ', 'á', '', 'null', '1', '01', '10', "o'\\x\n", '\uFF21', '\u{1F41A}', '\u{1F41A}a'],
  second: [0, 400, 500, 1000].map(more => new Date(midnight + more)),
  moment: [0, 1, 500, 3_600_000].map(more => new Date(midnight + more)),
  day: ['2024-02-29', '2024-03-01', '2023-12-31'],
  data: [{ a: 1 }, [], 'null', 0, false],
  'place.country': ['AT', 'at', 'IT'],
  'place.floor': [0, 1, -1],
};

/** Values of conditions, in their order where the property has one; the columns store them as they are. */
export const operands: Readonly<Record<string, readonly unknown[]>> = {
  keeper: [1, 2],
  flag: [true, false],
  mood: moods,
  whole: [-3, 0, 1, 2],
  broken: [-2.5, 0, 0.1, 0.2, 0.1 + 0.2],
  price: ['-3', '0', '0.1', '1.01', '12.50', '99999999.99'],
  big: [-(2n ** 53n) - 1n, 0n, 7n, 2n ** 60n, 2n ** 60n + 1n],
  // By their bytes: U+FF21 comes before U+1F41A, whose halves JavaScript has before it.
  name: ['', '1', 'A', 'a', 'a ', 'null', "o'\\x\n", 'á', '\uFF21', '\u{1F41A}'],
  second: [0, 1000].map(more => new Date(midnight + more)),
  moment: [0, 1, 500, 3_600_000].map(more => new Date(midnight + more)),
  day: ['2023-12-31', '2024-02-29', '2024-03-01'],
  data: [],
  'place.country': ['AT', 'IT', 'at'],
  'place.floor': [-1, 0, 1],
};

/** The properties whose values a condition may compare by their order. */
export const ordered: readonly string[] = [
  'keeper',
  'whole',
  'broken',
  'price',
  'big',
  'name',
  'second',
  'moment',
  'day',
  'place.country',
  'place.floor',
];

/** Returns an object with values by their paths, such as `place.country`. */
export function nested(flat: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [path, value] of Object.entries(flat)) {
    const [name, part] = path.split('.') as [string, string?];
    if (part === undefined) object[name] = value;
    else object[name] = { ...(object[name] as object | undefined), [part]: value };
  }
  return object;
}
