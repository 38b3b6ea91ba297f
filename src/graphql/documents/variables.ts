/** Coercion of the variables of an operation, each once, in time proportional to their size. */
import {
  coerceInputValue,
  GraphQLError,
  GraphQLID,
  GraphQLString,
  isEnumType,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  isSpecifiedScalarType,
  print,
  typeFromAST,
  valueFromAST,
  visit,
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLLeafType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type TypeNode,
  type VariableDefinitionNode,
} from 'graphql';
import { inspect } from 'graphql/jsutils/inspect.js';
import { shortened } from '../../use-cases/shortened.js';
import type { ErrorCode } from '../errors/error-catalogue.js';
import { codedError, quotable, MAX_QUOTE_LENGTH } from '../errors/errors.js';

/**
 * The most values in the variables of an operation, including those in lists and objects; names of fields count with
 * their values.
 */
export const MAX_VALUES = 20_000;
/** The most values in one list, wherever the schema takes a list; its purpose may allow fewer. */
export const MAX_LIST_VALUES = 10_000;
/** The deepest nesting of lists and objects in variables: coercion is recursive. */
const MAX_VALUE_NESTING = 100;
/** The most errors that are made: each quotes the surrounding value. */
export const MAX_VARIABLE_ERRORS = 20;
/** The most parts of a list or an object in a quote; graphql shows as many of a list. */
const MAX_QUOTED_PARTS = 10;

/** Variables by their names, as a client has sent them or as graphql passes them to fields. */
export type Variables = Readonly<Record<string, unknown>>;

/** The coerced variables of an operation, or their mistakes. */
export type CoercedVariables =
  | {
      readonly mistakes: null;
      /**
       * The variables to run the operation with: as sent, but lists of enum values have each value at most once.
       */
      readonly sent: Variables;
      /** The same variables as fields get them. */
      readonly coerced: Variables;
    }
  | { readonly mistakes: readonly GraphQLError[] };

/** An operation with its variables as they were sent. */
export interface OperationVariables {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  readonly variables?: Variables | null;
}

/**
 * Returns the coerced variables of a valid operation, or their mistakes: a limited number of BAD_USER_INPUT errors.
 * Variables that the operation does not declare are left out.
 */
export function coerceVariables({
  schema,
  document,
  operation,
  variables,
  hidesSchema = false,
}: OperationVariables & { readonly hidesSchema?: boolean }): CoercedVariables {
  const declared = operation.variableDefinitions ?? [];
  // Without a prototype: a variable may be named $__proto__.
  const sent = Object.create(null) as Record<string, unknown>;
  const coerced = Object.create(null) as Record<string, unknown>;
  for (const {
    variable: {
      name: { value: name },
    },
    type,
  } of declared)
    if (variables && Object.hasOwn(variables, name)) sent[name] = compact(variables[name], inputType(schema, type));
  const refusal = variablesRefusal(sent, document);
  if (refusal) return { mistakes: [refusal] };
  const mistakes: GraphQLError[] = [];
  const quotes = new Map<unknown, string>(); // Many mistakes may quote one value.
  const add = (error: GraphQLError): void => {
    // oxlint-disable-next-line typescript/only-throw-error -- it ends graphql's search, and is caught below
    if (mistakes.length === MAX_VARIABLE_ERRORS) throw TOO_MANY;
    mistakes.push(error);
  };
  try {
    for (const definition of declared) {
      const name = definition.variable.name.value;
      const type = inputType(schema, definition.type);
      if (!Object.hasOwn(sent, name)) {
        if (definition.defaultValue) coerced[name] = valueFromAST(definition.defaultValue, type);
        else if (isNonNullType(type))
          add(mistake(definition, `Variable "$${name}" of required type "${String(type)}" was not provided.`));
        continue;
      }
      if (sent[name] === null && isNonNullType(type)) {
        add(mistake(definition, `Variable "$${name}" of non-null type "${String(type)}" must not be null.`));
        continue;
      }
      coerced[name] = coerceInputValue(
        sent[name],
        type,
        (path, wrong, { message }) => {
          if (!quotes.has(wrong)) quotes.set(wrong, quote(wrong));
          add(
            mistake(
              definition,
              `Variable "$${name}" got invalid value ${quotes.get(wrong)}${path.length > 0 ? ` at "${pathText(name, path)}"` : ''}; ${message}`,
            ),
          );
        },
        hidesSchema,
      );
    }
  } catch (error) {
    if (error !== TOO_MANY) throw error;
    mistakes.push(
      codedError(
        'BAD_USER_INPUT',
        `The variables have more mistakes than these ${MAX_VARIABLE_ERRORS}. Correct them first.`,
      ),
    );
  }
  return mistakes.length > 0 ? { mistakes } : { mistakes: null, sent, coerced };
}

/** The value that ends coercion when the maximum of mistakes is reached. */
const TOO_MANY = Symbol('too many mistakes');

/** Returns the type of a variable of a valid operation. */
function inputType(schema: GraphQLSchema, node: TypeNode): GraphQLInputType {
  const type = typeFromAST(schema, node);
  if (!isInputType(type)) throw new TypeError(`The operation is not valid: no variable can be ${print(node)}.`);
  return type;
}

function mistake(definition: VariableDefinitionNode, message: string): GraphQLError {
  return new GraphQLError(message, { nodes: definition, extensions: { code: 'BAD_USER_INPUT' satisfies ErrorCode } });
}

/**
 * Returns the reason why the values are too many to be coerced; null: they are within the limits. It visits no more
 * values than the limits allow.
 */
function variablesRefusal(given: Variables, document: DocumentNode): GraphQLError | null {
  let level: { readonly value: unknown; readonly path: readonly string[] }[] = Object.entries(given).map(
    ([name, value]) => ({ value, path: [name] }),
  );
  let seen = level.length;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_VALUE_NESTING)
      return codedError(
        'BAD_USER_INPUT',
        `The variables hold lists or objects more than ${MAX_VALUE_NESTING} deep within each other, and ${MAX_VALUE_NESTING} are allowed. Send less at once.`,
      );
    const inside: typeof level = [];
    for (const { value, path } of level) {
      if (typeof value !== 'object' || value === null) continue;
      if (Array.isArray(value) && value.length > MAX_LIST_VALUES) {
        const [name, ...rest] = path as [string, ...string[]];
        const argument = [argumentOf(document, name) ?? name, ...rest].join('.');
        return codedError(
          'BAD_USER_INPUT',
          `Variable "$${name}" has a list of ${value.length} values at "${path.join('.')}", and ${MAX_LIST_VALUES} are allowed. Send them in several requests.`,
          argument,
        );
      }
      const keys = Object.keys(value);
      seen += keys.length;
      if (seen > MAX_VALUES)
        return codedError(
          'BAD_USER_INPUT',
          `The variables hold more than ${MAX_VALUES} values, and ${MAX_VALUES} are allowed, those in lists and objects counted. Send less at once.`,
        );
      for (const key of keys) {
        const part = (value as Record<string, unknown>)[key];
        if (typeof part === 'object' && part !== null) inside.push({ value: part, path: [...path, shortened(key)] });
      }
    }
    level = inside;
  }
  return null;
}

/**
 * Returns a value in which no list repeats values of an enum, and in which values that errors quote completely are
 * short. Values that are too long or too deep are rejected before.
 */
function compact(value: unknown, type: GraphQLInputType, depth = 0): unknown {
  if (isNonNullType(type)) return compact(value, type.ofType, depth);
  if (depth > MAX_VALUE_NESTING) return value;
  if (isListType(type) && Array.isArray(value)) {
    const item: GraphQLInputType = type.ofType;
    const named = isNonNullType(item) ? item.ofType : item;
    // Repeated values of an enum change nothing.
    const items =
      isEnumType(named) && value.length > named.getValues().length
        ? [...new Set<unknown>(value)]
        : (value as unknown[]);
    return items.length > MAX_LIST_VALUES ? items : items.map(one => compact(one, item, depth + 1));
  }
  if (isListType(type)) return compact(value, type.ofType, depth);
  if (!isInputObjectType(type)) return shortLeaf(value, type);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const fields = type.getFields();
  const parts = Object.create(null) as Record<string, unknown>;
  for (const [name, part] of Object.entries(value))
    parts[shortened(name)] = Object.hasOwn(fields, name) ? compact(part, fields[name]!.type, depth + 1) : part;
  return parts;
}

/**
 * Returns a leaf value as it is, unless it is certainly wrong and an error would quote more of it than anybody reads.
 */
function shortLeaf(value: unknown, type: GraphQLLeafType): unknown {
  if (!isEnumType(type) && !isSpecifiedScalarType(type)) return value;
  if (typeof value === 'object') return beginning(value);
  return typeof value === 'string' && type !== GraphQLID && type !== GraphQLString ? quotable(value) : value;
}

/** Returns the path of the first argument that uses a variable, such as `filter.ids`. */
function argumentOf(document: DocumentNode, name: string): string | null {
  let found: string | null = null;
  const path: string[] = [];
  const within = {
    enter: ({ name: { value } }: { readonly name: { readonly value: string } }) => void path.push(value),
    leave: () => void path.pop(),
  };
  visit(document, {
    VariableDefinition: () => false,
    Argument: within,
    ObjectField: within,
    Variable(variable) {
      if (variable.name.value === name) found ??= path.join('.');
    },
  });
  return found;
}

/** Returns a path as graphql prints it, such as `filter.ids[2]`. */
function pathText(name: string, path: readonly (string | number)[]): string {
  return name + path.map(key => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
}

/** Returns a value as graphql's errors show it; for a long list or object, its size. */
function quote(value: unknown): string {
  const text = inspect(beginning(value));
  if (text.length <= MAX_QUOTE_LENGTH || typeof value !== 'object' || value === null) return text;
  return Array.isArray(value) ? `[… ${value.length} values]` : `{ … ${Object.keys(value).length} fields }`;
}

/** Returns the beginning of a value, as much as a quote shows; deeper parts are not shown. */
function beginning(value: unknown, depth = 2): unknown {
  if (typeof value === 'string') return quotable(value);
  if (typeof value !== 'object' || value === null || depth === 0) return value;
  if (Array.isArray(value)) {
    const shown = value.slice(0, MAX_QUOTED_PARTS).map(one => beginning(one, depth - 1));
    shown.length = value.length; // The quote says how many parts it leaves out.
    return shown;
  }
  const parts = Object.entries(value).slice(0, MAX_QUOTED_PARTS);
  return Object.assign(
    Object.create(null),
    Object.fromEntries(parts.map(([key, part]) => [shortened(key), beginning(part, depth - 1)])),
  );
}
