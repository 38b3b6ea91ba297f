import { isEnumType, Lexer, Source, TokenKind, type GraphQLSchema } from 'graphql';
import type { Random } from '../../src/tools/sample-data/random.js';

/** The content of a request: members of a GraphQL body, valid or not, or bytes instead. */
export interface HostileBody {
  readonly query: unknown;
  readonly variables?: unknown;
  readonly operationName?: unknown;
  readonly extensions?: unknown;
}

type Mutilate = (text: string, random: Random, schema: GraphQLSchema) => string;

/** Replacements for a literal, a variable or a member of a body. */
const oddValues: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  -0.5,
  2 ** 31,
  2 ** 53,
  1e21,
  '',
  '0',
  '-1',
  '١',
  '1e3',
  '9'.repeat(400),
  'a'.repeat(5000),
  '\u0000',
  '\ud800',
  '\u202e%_\\\'"`;--',
  '%'.repeat(300),
  [],
  [null],
  [[[]]],
  [1, 'two', null],
  {},
  { __proto__: null, id: 1 },
  JSON.parse('{"__proto__":{"role":"ADMIN"},"constructor":{"prototype":{}}}'),
  { length: 1e9 },
  // oxlint-disable-next-line unicorn/no-thenable -- a value that is taken for a promise
  { toString: 1, valueOf: null, then: 'x' },
  Array.from({ length: 300 }, (_, index) => index),
  'AAAA',
  'eyJpZCI6MX0',
  Buffer.from('{"id":1e999}').toString('base64'),
  '2026-02-30T25:00:00Z',
];

/** Pieces to insert. */
const pieces = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  '!',
  '$',
  '$v',
  '@',
  '@include(if: true)',
  '@skip(if: false)',
  '@skip(if: null)',
  '@include',
  '@defer',
  '@stream(initialCount: -1)',
  '@oneOf',
  '@deprecated @deprecated',
  ':',
  '=',
  '|',
  '&',
  '...',
  '... on User',
  '... on Course { id }',
  '...F',
  ' fragment F on Course { ...F } ',
  ' fragment F on Query { __typename } ',
  '"',
  '"""',
  '\\u{110000}',
  '\\ud800',
  '#',
  '\ufeff',
  '\u0000',
  '\u2028',
  '🎓',
  ' query B { __typename } ',
  ' mutation C { __typename } ',
  ' type T { a: Int } ',
  ' extend schema @link(url: "x") ',
  '__typename',
  '__schema { types { fields { type { ofType { ofType { name } } } } } }',
  '__type(name: "User") { fields { args { defaultValue } } }',
  '_service { sdl }',
  '_entities(representations: []) { __typename }',
  ' a: id',
  ' 1e999 ',
  ' 00 ',
  ' -',
  ' NaN ',
  ' null ',
  ' true ',
  ' "x" ',
];

const mutilations: readonly Mutilate[] = [
  // A part is missing, duplicated, or moved.
  (text, random) => cutOut(text, random, () => ''),
  (text, random) => cutOut(text, random, part => part + part),
  (text, random) => cutOut(text, random, part => part.repeat(2 + random.below(60))),
  (text, random) => cutOut(text, random, part => [...part].toReversed().join('')),
  (text, random) => text.slice(0, random.below(text.length)),
  // Something is inserted, or one token replaces another.
  (text, random) => insert(text, random, random.pick(pieces)),
  (text, random) => insert(text, random, ` ${random.pick(pieces)} `.repeat(1 + random.below(80))),
  (text, random) =>
    replaceToken(
      text,
      random,
      () => true,
      () => random.pick(pieces),
    ),
  (text, random) =>
    replaceToken(
      text,
      random,
      kind => kind === TokenKind.NAME,
      () => '__proto__',
    ),
  (text, random, schema) =>
    replaceToken(
      text,
      random,
      kind => kind === TokenKind.NAME,
      () => random.pick(namesOf(schema)),
    ),
  (text, random) => replaceToken(text, random, isLiteral, () => literalOf(random.pick(oddValues))),
  (text, random) => replaceToken(text, random, isLiteral, () => '$v'),
  // Fields under aliases, and deep nesting.
  text =>
    text.replace(
      /\{(.*)\}\s*$/s,
      (_, inner: string) =>
        `{ ${Array.from({ length: 40 }, (__, index) => inner.replace(/^\s*(\w+)/, `a${index}: $1`)).join(' ')} }`,
    ),
  (text, random) =>
    `${text.replace(/\}\s*$/, '')} ${'course(id: 1) { enrollments { nodes { course { '.repeat(1 + random.below(30))} id ${'}'.repeat(random.below(90))}`,
  (text, random) =>
    text.replace(
      /^\w+ \w+/,
      random.pick([
        'query Random($v: ID!)',
        'query Random($v: Int = "x")',
        'query Random($v: [[[CourseFilter]]])',
        'query Random($v: Nothing)',
        'mutation Random',
        'query',
        'query Random @skip(if: $v)',
        'query Random($v: ID, $v: ID)',
        '{',
      ]),
    ),
];

/** Returns a document with one to three faults; some of them may leave it valid. */
export function mutilatedDocument(text: string, random: Random, schema: GraphQLSchema): string {
  let result = text;
  for (let left = 1 + random.below(3); left > 0; left--)
    result = random.pick(mutilations)(result, random, schema).slice(0, 40_000);
  return result;
}

/** Returns a body for a document: most have strange variables, some have members of a wrong type. */
export function mutilatedBody(query: string, random: Random): HostileBody {
  const body: Record<keyof HostileBody, unknown> = {
    query,
    variables: random.chance(0.5)
      ? { v: random.pick(oddValues), [random.pick(['w', '__proto__', ''])]: random.pick(oddValues) }
      : undefined,
    operationName: undefined,
    extensions: undefined,
  };
  if (random.chance(0.15))
    body[random.pick(['query', 'variables', 'operationName', 'extensions'] as const)] = random.pick(oddValues);
  if (random.chance(0.1)) body.operationName = random.pick(['Random', 'B', '', '__proto__', 'x'.repeat(3000)]);
  if (random.chance(0.1))
    body.extensions = {
      persistedQuery: random.pick([
        { version: 1, sha256Hash: 'ab'.repeat(32) },
        { version: 2 },
        null,
        [],
        'x',
        { version: 1, sha256Hash: 5 },
      ]),
    };
  return body;
}

/** Returns the bytes of a body as JSON: sometimes broken, in a list, or not JSON. */
export function bytesOf(body: HostileBody, random: Random): Buffer {
  const text = JSON.stringify(body);
  if (random.chance(0.9)) return Buffer.from(text);
  return random.pick([
    () => Buffer.from(text.slice(0, random.below(text.length))),
    () => Buffer.from(`[${text},${text}]`),
    () => Buffer.from(JSON.stringify(random.pick(oddValues))),
    () => Buffer.from('['.repeat(20_000)),
    () => Buffer.from(text.replaceAll('"', "'")),
    () => Buffer.from(cutOut(text, random, part => `${part},${part}`)),
    () => Buffer.concat([Buffer.from(text), Buffer.from([0xff, 0xfe, 0x00, 0xc3])]),
    () => Buffer.alloc(0),
    () => Buffer.from(text, 'utf16le'),
  ])();
}

function cutOut(text: string, random: Random, change: (part: string) => string): string {
  const start = random.below(text.length + 1);
  const end = Math.min(text.length, start + 1 + random.below(random.chance(0.3) ? 200 : 12));
  return text.slice(0, start) + change(text.slice(start, end)) + text.slice(end);
}

function insert(text: string, random: Random, piece: string): string {
  const place = random.below(text.length + 1);
  return text.slice(0, place) + piece + text.slice(place);
}

const isLiteral = (kind: TokenKind): boolean =>
  kind === TokenKind.INT || kind === TokenKind.FLOAT || kind === TokenKind.STRING;

/** Replaces one of the tokens of some kinds; returns a text that cannot be tokenized unchanged. */
function replaceToken(text: string, random: Random, suits: (kind: TokenKind) => boolean, make: () => string): string {
  const tokens = tokensOf(text).filter(({ kind }) => suits(kind));
  if (tokens.length === 0) return text;
  const { start, end } = random.pick(tokens);
  return text.slice(0, start) + make() + text.slice(end);
}

function tokensOf(text: string): { kind: TokenKind; start: number; end: number }[] {
  const lexer = new Lexer(new Source(text));
  const tokens: { kind: TokenKind; start: number; end: number }[] = [];
  try {
    for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance()) tokens.push(token);
  } catch {
    // The rest after an invalid token is left as it is.
  }
  return tokens;
}

/** Writes a value as a literal of GraphQL. */
function literalOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literalOf).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([name, part]) => `${name}: ${literalOf(part)}`)
      .join(', ')} }`;
  return JSON.stringify(value);
}

const namesBySchema = new WeakMap<GraphQLSchema, readonly string[]>();

/** Returns the names of all types, fields and values of a schema. */
function namesOf(schema: GraphQLSchema): readonly string[] {
  const known = namesBySchema.get(schema);
  if (known) return known;
  const names = Object.values(schema.getTypeMap()).flatMap(type => [
    type.name,
    ...('getFields' in type ? Object.keys(type.getFields()) : []),
    ...(isEnumType(type) ? type.getValues().map(({ name }) => name) : []),
  ]);
  namesBySchema.set(schema, names);
  return names;
}
