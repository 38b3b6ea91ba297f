import { expect } from 'vitest';
import type { Place } from './input-places.js';
import type { World } from './operations.js';

/** The world in which bad values are sent, with a cursor of each list. */
export interface Surroundings extends World {
  readonly cursors: Readonly<Record<List, string>>;
}
export type List = 'courses' | 'enrollments' | 'recountRuns' | 'changes';

/** A value that must be rejected: by BAD_USER_INPUT, or, where `told` says so, by a userError. */
export interface Refusal {
  readonly value: unknown;
  /** The quote that the message must contain, and its advice. */
  readonly quotes: string;
  readonly says: RegExp;
  /** The index of the bad value in a list. */
  readonly index?: number;
  readonly told?: 'INVALID' | 'ALREADY_ENROLLED';
}

/** A value that looks bad but is valid, with its other input and its expected result. */
interface Right {
  readonly value: unknown;
  readonly beside?: object;
  readonly check: (result: any, place: Place) => void;
}

/** The values of a place that are bad, and those that only look bad. */
export interface Kind {
  /** Returns a valid value, for tests of another one. */
  readonly valid?: (world: Surroundings) => unknown;
  readonly refused: (world: Surroundings) => readonly Refusal[];
  /** Returns ids of no row. */
  readonly missing?: (world: Surroundings) => readonly unknown[];
  readonly right?: (world: Surroundings) => readonly Right[];
}

/** Asserts that everything requested was done. */
export function isDone(result: any): void {
  expect(result).not.toBeNull();
  expect(result.userErrors ?? []).toEqual([]);
}

/** Returns the assertion that a list has this many entries. */
export const hasLength =
  (count: number) =>
  (result: any): void =>
    expect(result.totalCount).toBe(count);

/** Returns the assertion that a mutation succeeded, and that its object has the value that was sent. */
const returnsValue =
  (value: unknown) =>
  (result: any, { path }: Place): void => {
    isDone(result);
    const found = Object.values<any>(result).find(
      part => part !== null && typeof part === 'object' && !Array.isArray(part),
    );
    expect(found[path.at(-1)!]).toEqual(value);
  };

const NO_ID = [
  '0',
  '-1',
  'abc',
  '1.5',
  '1e3',
  '01',
  '+1',
  ' 1',
  '1 ',
  '0x1',
  '١',
  '',
  ' ',
  '9007199254740992',
  '9007199254740993',
  '1'.repeat(100_000),
  "1' or '1'='1",
  '1; drop table core_user',
  'null',
  'Q291cnNlOjE=',
  '🎓',
];
const ids: readonly Refusal[] = [
  ...[...NO_ID, 0, -1, -2_147_483_648, Number.MAX_SAFE_INTEGER + 1].map(value => ({
    value,
    quotes: `"${String(value).slice(0, 100)}`,
  })),
  { value: '1\0', quotes: '"1\\u0000"' },
  { value: '1\ud83d', quotes: '"1\\ud83d"' },
  { value: '1\u202e', quotes: '"1\\u202e"' },
].map(refusal => ({ ...refusal, says: /is not an id; ids are whole numbers from 1 to 9007199254740991\.$/ }));

/** Returns the kind of an id; no other type has the same id, because each id occurs once in the world. */
export function idOf(name: keyof World): Kind {
  return {
    valid: world => String(world[name]),
    refused: () => ids,
    missing: world => ['4294967295', '4294967296', '9007199254740991', ...others(name, world)],
  };
}

const typeOf = (name: keyof World): string =>
  /run$/i.test(name)
    ? 'run'
    : ['course', 'open', 'foreign'].includes(name)
      ? 'course'
      : name === 'enrollment'
        ? name
        : 'user';

function others(name: keyof World, world: Surroundings): string[] {
  const samples = ['student', 'course', 'enrollment', 'finishedRun'] as const;
  return samples.filter(other => typeOf(other) !== typeOf(name)).map(other => String(world[other]));
}

/** Returns the kind of a list of ids. */
export function idsOf(
  name: keyof World,
  { refused = () => [], right = () => [] }: Partial<Pick<Kind, 'refused' | 'right'>>,
): Kind {
  const one = idOf(name);
  return {
    valid: world => [world[name]],
    refused: world => [
      ...ids.map(refusal => ({ ...refusal, value: [world[name], refusal.value], index: 1 })),
      ...refused(world),
    ],
    missing: world => one.missing!(world).map(id => [id]),
    right,
  };
}

const UNSEEN: readonly [string, string][] = [
  ['a\0b', '"a\\u0000b"'],
  ['a\u0007b', '"a\\u0007b"'],
  ['\u001b[31mred', '"\\u001b[31mred"'],
  ['a\u007fb', '"a\\u007fb"'],
  ['a\u0085b', '"a\\u0085b"'],
  ['a\ud83d', '"a\\ud83d"'],
  ['\udc00b', '"\\udc00b"'],
];
const unseen: readonly Refusal[] = UNSEEN.map(([value, quotes]) => ({
  value,
  quotes,
  says: /control characters or broken surrogates.*remove them\.$/,
  told: 'INVALID',
}));
const long = (value: string, says: RegExp): Refusal => ({
  value,
  quotes: `"${[...value].slice(0, 45).join('')}`,
  says,
});
const told = (refusal: Refusal): Refusal => ({ ...refusal, told: 'INVALID' });
const LITERAL = ['🎓', '🎓 Ångström Ж 日本語', 'e\u0301 👩‍👩‍👧‍👦', '100 % "quoted" \\ \'single\''];
const noNull: Refusal = { value: null, quotes: 'null', says: /cannot be null; .*leave it out/, told: 'INVALID' };

/** Returns the kind of a line of 255 characters at most. */
export function line({ nullable = false } = {}): Kind {
  const empty = ['', ' \u00a0\u3000 '].map(value => ({
    value,
    quotes: `"${value}"`,
    says: /is empty; give one/,
    told: 'INVALID' as const,
  }));
  const breaks = (['a\nb', 'a\tb'] as const).map((value, index) => ({
    ...unseen[0]!,
    value,
    quotes: `"a\\u000${index === 0 ? 'a' : '9'}b"`,
  }));
  const tooLong = ['x'.repeat(256), '😀'.repeat(256), 'x'.repeat(100_000)].map(value =>
    told(long(value, /has (256|100000) characters; at most 255 fit\.$/)),
  );
  return {
    valid: () => 'Title',
    refused: () => [...empty, ...unseen, ...breaks, ...tooLong, ...(nullable ? [noNull] : [])],
    right: () => [...LITERAL, 'x'.repeat(255), '😀'.repeat(255)].map(value => ({ value, check: returnsValue(value) })),
  };
}

/** A text of any number of lines. */
export const lines: Kind = {
  refused: () => [
    ...unseen,
    ...['x'.repeat(65_536), '😀'.repeat(16_384), 'x'.repeat(100_000)].map(value =>
      told(long(value, /has (65536|100000) bytes; at most 65535 fit\.$/)),
    ),
  ],
  right: () =>
    [...LITERAL, '', ' ', 'a\nb\tc', 'x'.repeat(65_535), null].map(value => ({ value, check: returnsValue(value) })),
};

let sequence = 0;

/** An email address of a new user. */
export const email: Kind = {
  valid: () => `new-${++sequence}@example.org`,
  refused: () =>
    [
      ...['', ' ', 'abc', 'a@b', 'a b@example.org', '@example.org', '🎓@example.org'].map(value => ({
        value,
        quotes: `"${value}"`,
      })),
      { value: 'ada@example.org\n', quotes: '"ada@example.org\\u000a"' },
      { value: 'a\0@example.org', quotes: '"a\\u0000@example.org"' },
      { value: 'a\ud83d@example.org', quotes: '"a\\ud83d@example.org"' },
      ...[`${'x'.repeat(243)}@example.org`, `${'x'.repeat(100_000)}@example.org`].map(value => ({
        value,
        quotes: `"${'x'.repeat(45)}`,
      })),
    ].map(refusal => ({
      ...refusal,
      says: /is not an email address of at most 254 characters, such as ada@example\.org\.$/,
      told: 'INVALID',
    })),
  right: () =>
    ["o'neill+1@example.org", `${'x'.repeat(64)}@${'y'.repeat(60)}.example.org`].map(value => ({
      value,
      check: returnsValue(value),
    })),
};

/** A part of a title to look for. */
export const titlePart: Kind = {
  refused: () => [
    ...['x'.repeat(256), '😀'.repeat(256), 'x'.repeat(100_000)].map(value =>
      long(value, /has (256|100000) characters, more than the 255 that a title can have; shorten it\.$/),
    ),
    ...UNSEEN.filter(([value]) => value.includes('\0') || !value.isWellFormed()).map(([value, quotes]) => ({
      value,
      quotes,
      says: /a NUL or a broken surrogate in it; take it out\.$/,
    })),
  ],
  right: () => ['🎓', 'a\nb', 'a\u0007b', '😀'.repeat(255)].map(value => ({ value, check: hasLength(0) })),
};

/** Returns the kind of a cursor of a list. */
export function cursorOf(list: List): Kind {
  const notOne = (value: string, quotes = `"${value.slice(0, 100)}`): Refusal => ({
    value,
    quotes,
    says: /is not a cursor of this API; give one whole, as pageInfo or an edge has it\.$/,
  });
  return {
    refused({ cursors }) {
      const own = cursors[list];
      // A valid cursor but for one digit of the id, and one of the checksum.
      const text = Buffer.from(own, 'base64url').toString();
      const other = (digit: string): string => String((Number.parseInt(digit, 16) + 1) % 10);
      const tampered = [text.replace(/\d(?=\]$)/, other), text.replace(/^./, other)].map(changed =>
        Buffer.from(changed).toString('base64url'),
      );
      return [
        ...[
          '',
          ' ',
          'garbage',
          '{}[]',
          '🎓',
          own.slice(0, -1),
          own.slice(1),
          own.slice(0, 8),
          `${own}A`,
          `${own}=`,
          `${own} `,
          `${own}!`,
          ...tampered,
          own.repeat(2000),
        ].map(value => notOne(value)),
        notOne(`${own}\0`, '\\u0000"'),
        notOne('\ud800', '"\\ud800"'),
        ...(Object.keys(cursors) as List[])
          .filter(name => name !== list)
          .map(name => ({
            value: cursors[name],
            quotes: `"${cursors[name]}"`,
            says: new RegExp(`is a cursor of the list "${name}", not of ${list}; take one of this list\\.$`),
          })),
      ];
    },
    right: ({ cursors }) => [
      { value: cursors[list], check: isDone },
      { value: null, check: isDone },
    ],
  };
}

/** Returns the kind of a whole number. */
export function wholeNumber({
  refused,
  says,
  right,
  told: as,
  beside,
}: {
  refused: readonly number[];
  says: RegExp;
  right: readonly (number | null)[];
  told?: 'INVALID';
  beside?: object;
}): Kind {
  return {
    refused: () => refused.map(value => ({ value, quotes: String(value), says, ...(as && { told: as }) })),
    right: () => right.map(value => ({ value, beside, check: as ? returnsValue(value) : isDone })),
  };
}

/** Returns the kind of a value that only its type limits. */
export function anyOf(
  values: readonly unknown[],
  { beside, refused = [] }: { beside?: (world: Surroundings) => object; refused?: readonly Refusal[] } = {},
): Kind {
  return {
    valid: () => values[0],
    refused: () => refused,
    right: world => values.map(value => ({ value, beside: beside?.(world), check: isDone })),
  };
}

/** A value of an enum, of a mutation that accepts no null. */
export const notNull: readonly Refusal[] = [noNull];

/** The kind of an input object, which its own fields describe. */
export const inputObject: Kind = { refused: () => [] };
