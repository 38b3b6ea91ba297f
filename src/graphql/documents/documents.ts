/** Parses and validates documents, for all endpoints, in time proportional to the length of their text. */
import {
  GraphQLError,
  Lexer,
  NoSchemaIntrospectionCustomRule,
  parse,
  Source,
  specifiedRules,
  TokenKind,
  validate,
  type DocumentNode,
  type GraphQLSchema,
  type Token,
} from 'graphql';
import type { Config } from '../../config/config.js';
import type { ErrorCode } from '../errors/error-catalogue.js';
import { codedError } from '../errors/errors.js';
import { shapeOf, type DocumentShape } from './operation-shape.js';

/** The most tokens of a document; parsing ends there. A thousand ids fit; more can be sent as variables. */
export const MAX_TOKENS = 5000;
/**
 * The most characters of a document: its tokens do not include blanks and comments, and can have any length. The
 * longest description of a course fits.
 */
export const MAX_DOCUMENT_LENGTH = 131_072;
/** The most characters of a name in a document: errors repeat names. */
export const MAX_NAME_LENGTH = 255;
/** The most directives at one place: a field can have @skip and @include, each once. */
export const MAX_DIRECTIVES_AT_ONE_PLACE = 5;
/**
 * The deepest nesting of selections, lists and objects: recursive functions read rules and arguments.
 */
export const MAX_NESTING = 1000;
/** The most variables of an operation: computing the cost visits all of them for each field. */
export const MAX_VARIABLES = 250;
/** The most fields of one name in one selection. */
export const MAX_REPEATS = 100;
/** The most fields of one name that have selections, in all selections together. */
export const MAX_REPEATED_SELECTIONS = 200;
/** The most errors of validation; after correcting these, the next ones appear. */
const MAX_VALIDATION_ERRORS = 20;
/**
 * The most lines of a document whose errors have locations: each location is found by counting lines from the start.
 */
const MAX_LOCATED_LINES = 500;

/** The message for introspection that is off. */
const SCHEMA_HIDDEN =
  'This server does not tell its schema (__schema, __type). Read the file schema/schema.graphql, or have the server started with INTROSPECTION=on.';

/** The limits of documents that a deployment may set. */
export interface DocumentLimits {
  readonly maxAliases: number;
  readonly maxDirectives: number;
}

/** The schema of documents, and what errors reveal of it. */
export interface DocumentRules extends DocumentLimits {
  readonly schema: GraphQLSchema;
  /** Whether documents may query the schema. */
  readonly introspection: boolean;
  /** Whether errors contain no suggestions of names of the schema. */
  readonly hidesSchema: boolean;
}

/** Returns the rules of a configuration. */
export function documentRulesOf(
  schema: GraphQLSchema,
  { production, introspection, maxAliases, maxDirectives }: Config,
): DocumentRules {
  return { schema, introspection, maxAliases, maxDirectives, hidesSchema: production };
}

/** A document that is valid, with its shape. */
export interface ReadDocument {
  readonly document: DocumentNode;
  readonly shape: DocumentShape;
}

/** Returns the document of a text, or the errors for which it is rejected, each with its code. */
export function readDocument(text: string, rules: DocumentRules): ReadDocument | GraphQLError[] {
  if (text.length > MAX_DOCUMENT_LENGTH)
    return [
      codedError(
        'QUERY_TOO_LONG',
        `The operation has ${text.length} characters, and ${MAX_DOCUMENT_LENGTH} are allowed. Send long values as variables.`,
      ),
    ];
  let document: DocumentNode;
  try {
    document = parse(text, { maxLexicalTokens: MAX_TOKENS, noLocation: hasMoreLines(text, MAX_LOCATED_LINES) });
  } catch (error) {
    return [
      isTooNested(text, error)
        ? tooNested(`more than ${MAX_NESTING}`)
        : coded(error as GraphQLError, 'GRAPHQL_PARSE_FAILED'),
    ];
  }
  const shape = shapeOf(document);
  const refusal = documentRefusal(shape, rules);
  if (refusal) return [refusal];
  const mistakes = mistakesOf(document, rules);
  // The rule that compares fields of one name gives up in this way if it would take too long.
  if (mistakes.some(({ message, nodes }) => !nodes && message === 'Validation aborted.'))
    return [
      codedError('QUERY_TOO_COSTLY', 'The operation has too many fields of one name to compare. Ask for each once.'),
    ];
  if (mistakes.length > 0) return mistakes.map(mistake => coded(mistake, 'GRAPHQL_VALIDATION_FAILED'));
  return { document, shape };
}

function mistakesOf(
  document: DocumentNode,
  { schema, introspection, hidesSchema }: DocumentRules,
): readonly GraphQLError[] {
  try {
    return validate(
      schema,
      document,
      introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule],
      { maxErrors: MAX_VALIDATION_ERRORS, hideSuggestions: hidesSchema },
    );
  } catch (error) {
    // The rule that counts the fields of a subscription evaluates @skip before the arguments and
    // variables are known to be right.
    if (!(error instanceof GraphQLError)) throw error;
    return [
      new GraphQLError(
        `The field of a subscription cannot be left out by this directive: ${error.message} Leave the directive out.`,
        { nodes: error.nodes ?? null },
      ),
    ];
  }
}

/** Returns the reason why a document of this shape is not even validated; null: it may be. */
function documentRefusal(shape: DocumentShape, { maxAliases, maxDirectives }: DocumentLimits): GraphQLError | null {
  if (shape.longestName > MAX_NAME_LENGTH)
    return codedError(
      'QUERY_TOO_LONG',
      `A name in the operation has ${shape.longestName} characters, and ${MAX_NAME_LENGTH} are allowed. Shorten it.`,
    );
  if (shape.nesting > MAX_NESTING) return tooNested(String(shape.nesting));
  if (shape.aliases > maxAliases)
    return codedError(
      'QUERY_TOO_MANY_ALIASES',
      `The operation has ${shape.aliases} aliases, and ${maxAliases} are allowed. Ask for many of one kind by a list with a filter, or in several requests.`,
    );
  if (shape.directivesAtOnePlace > MAX_DIRECTIVES_AT_ONE_PLACE)
    return codedError(
      'QUERY_TOO_MANY_DIRECTIVES',
      `The operation has ${shape.directivesAtOnePlace} directives at one place, and ${MAX_DIRECTIVES_AT_ONE_PLACE} are allowed there. Leave out those that repeat.`,
    );
  if (shape.directives > maxDirectives)
    return codedError(
      'QUERY_TOO_MANY_DIRECTIVES',
      `The operation has ${shape.directives} directives, and ${maxDirectives} are allowed. Put @skip or @include on what is around several fields, or send several operations.`,
    );
  if (shape.variables > MAX_VARIABLES)
    return codedError(
      'QUERY_TOO_COSTLY',
      `The operation declares ${shape.variables} variables, and ${MAX_VARIABLES} are allowed. Put several values into one list or object.`,
    );
  if (shape.repeats > MAX_REPEATS)
    return codedError(
      'QUERY_TOO_COSTLY',
      `The operation has ${shape.repeats} fields of one name in one selection, and ${MAX_REPEATS} are allowed. Ask for each once.`,
    );
  if (shape.repeatedSelections > MAX_REPEATED_SELECTIONS)
    return codedError(
      'QUERY_TOO_COSTLY',
      `The operation has ${shape.repeatedSelections} fields of one name that select something, and ${MAX_REPEATED_SELECTIONS} are allowed. Ask for less at once.`,
    );
  return null;
}

/**
 * Returns whether a text that the parser rejects is nested too deeply before the place of its mistake. The parser is
 * recursive, and how deep it comes before the stack ends depends on how far V8 has compiled it: the answer must not.
 */
function isTooNested(text: string, error: unknown): boolean {
  if (error instanceof RangeError) return true;
  const end = (error as GraphQLError).positions?.[0] ?? text.length;
  let within = 0;
  for (const { kind } of tokensBefore(end, text)) {
    if (OPENING.has(kind)) within += 1;
    if (CLOSING.has(kind)) within -= 1;
    if (within > MAX_NESTING) return true;
  }
  return false;
}

/** Returns the tokens of a text that begin before a place in it, one after another, up to what is no token. */
function* tokensBefore(end: number, text: string): Generator<Token> {
  const lexer = new Lexer(new Source(text));
  for (;;) {
    try {
      lexer.advance();
    } catch {
      return; // The parser has named this mistake.
    }
    if (lexer.token.start >= end || lexer.token.kind === TokenKind.EOF) return;
    yield lexer.token;
  }
}

const OPENING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_L, TokenKind.BRACKET_L]);
const CLOSING: ReadonlySet<TokenKind> = new Set([TokenKind.BRACE_R, TokenKind.BRACKET_R]);

function tooNested(depth: string): GraphQLError {
  return codedError(
    'QUERY_TOO_DEEP',
    `The operation has ${depth} selections, lists or objects within each other, and ${MAX_NESTING} are allowed. Ask for what is further down in an operation of its own, by its id.`,
  );
}

/** Returns the same error with a code, and with our message if graphql's names an option of its API. */
function coded({ message, nodes, source, positions }: GraphQLError, code: ErrorCode): GraphQLError {
  const isHidden =
    code === 'GRAPHQL_VALIDATION_FAILED' && message.startsWith('GraphQL introspection has been disabled');
  return new GraphQLError(isHidden ? SCHEMA_HIDDEN : message, { nodes, source, positions, extensions: { code } });
}

function hasMoreLines(text: string, lines: number): boolean {
  for (const _ of text.matchAll(/\r\n|[\n\r]/g)) if (--lines <= 0) return true;
  return false;
}
