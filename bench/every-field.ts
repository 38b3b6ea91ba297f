// Operations that select every field of a schema with every argument, by introspection: for bench/bounds.ts.
import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

/** One field with one choice of arguments, and the path to it. */
export interface Case {
  readonly kind: 'query' | 'mutation' | 'subscription';
  /** The type and name of the field, and the argument that is tried. */
  readonly name: string;
  /**
   * Returns the operation with so many aliases of its root field, and pages of so many; no two aliases ask for the
   * same.
   */
  readonly request: (
    aliases: number,
    size: number,
  ) => { readonly query: string; readonly variables: Record<string, unknown> };
}

/** A field on the path from a root to the measured one. */
interface Step {
  readonly type: GraphQLObjectType;
  readonly field: GraphQLField<unknown, unknown>;
}

/** The values of ids, and of inputs with a certain form. */
export type Given = (owner: string, name: string, type: string) => unknown;

/** The lengths of the long text and the long lists; a request may have 1 MiB. */
const LONG_TEXT = 900_000;
const LONG_LIST = 9_000;

/** Returns a case for each field that the roots reach, alone and with each of its arguments. */
export function everyField(schema: GraphQLSchema, given: Given): Case[] {
  const roots = [
    ['query', schema.getQueryType()],
    ['mutation', schema.getMutationType()],
    ['subscription', schema.getSubscriptionType()],
  ] as const;
  const seen = new Set<GraphQLObjectType>();
  return roots.flatMap(([kind, root]) => {
    if (!root) return [];
    const cases: Case[] = [];
    const waiting: Step[][] = Object.values(root.getFields()).map(field => [{ type: root, field }]);
    // Breadth first, so that each field is asked for where the way is shortest.
    for (let steps = waiting.shift(); steps; steps = waiting.shift()) {
      const { type, field } = steps.at(-1)!;
      cases.push(
        ...valuesOf(field.args, given, `${type.name}.${field.name}`).map(({ argument, value }) =>
          caseOf(kind, steps, argument, value, given),
        ),
      );
      const named = getNamedType(field.type);
      if (!isObjectType(named) || seen.has(named)) continue;
      seen.add(named);
      waiting.push(
        ...Object.values(named.getFields())
          .filter(
            inner => inner.args.length > 0 || !isLeafType(getNamedType(inner.type)) || inner.name === 'totalCount',
          )
          .map(inner => [...steps, { type: named, field: inner }]),
      );
    }
    return cases;
  });
}

/** A choice of arguments: the required ones, and the one that is tried. */
interface Choice {
  readonly argument: string;
  readonly value: Record<string, unknown>;
}

function valuesOf(args: readonly GraphQLArgument[], given: Given, owner: string): Choice[] {
  const needed = Object.fromEntries(
    args.filter(isRequiredArgument).map(argument => [argument.name, plain(argument.type, given, owner, argument.name)]),
  );
  const tried = args.flatMap(argument =>
    argument.name === 'first'
      ? []
      : choices(argument.type, given, owner, argument.name).map(({ at, value }) => ({
          argument: at,
          value: { ...needed, [argument.name]: value },
        })),
  );
  return [{ argument: '', value: needed }, ...tried];
}

/** Returns the values of a type to try, each with its path. */
function choices(type: GraphQLInputType, given: Given, owner: string, at: string): { at: string; value: unknown }[] {
  const nullable = getNullableType(type);
  const named = getNamedType(nullable);
  if (isListType(nullable)) {
    const all = isEnumType(named) ? named.getValues().map(({ name }) => name) : null;
    const lists = all ? [[all.at(-1)], all.slice(1, 3), all] : [[given(owner, at, named.name)]];
    return [
      ...lists.map(value => ({ at: `${at}: ${JSON.stringify(value)}`, value })),
      {
        at: `${at}: ${LONG_LIST} values`,
        value: Array.from({ length: LONG_LIST }, (_, index) => (all ? all[index % all.length] : String(index + 1))),
      },
    ];
  }
  if (isInputObjectType(named)) {
    const fields = Object.values(named.getFields());
    const needed = Object.fromEntries(
      fields.filter(isRequiredInputField).map(field => [field.name, plain(field.type, given, owner, field.name)]),
    );
    return fields.flatMap((field: GraphQLInputField) =>
      choices(field.type, given, owner, field.name).map(choice => ({
        at: `${at}.${choice.at}`,
        value: { ...needed, [field.name]: choice.value },
      })),
    );
  }
  if (isEnumType(named)) return named.getValues().map(({ name }) => ({ at: `${at}: ${name}`, value: name }));
  if (named.name === 'String')
    return [
      { at, value: plain(type, given, owner, at) },
      { at: `${at}: ${LONG_TEXT} characters`, value: 'z'.repeat(LONG_TEXT) },
    ];
  if (named.name === 'Boolean') return [true, false].map(value => ({ at: `${at}: ${value}`, value }));
  return [{ at, value: plain(type, given, owner, at) }];
}

function plain(type: GraphQLInputType, given: Given, owner: string, at: string): unknown {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return [plain(nullable.ofType, given, owner, at)];
  if (isInputObjectType(nullable))
    return Object.fromEntries(
      Object.values(nullable.getFields())
        .filter(isRequiredInputField)
        .map(field => [field.name, plain(field.type, given, owner, field.name)]),
    );
  if (isEnumType(nullable)) return nullable.getValues()[0]!.name;
  return given(owner, at, getNamedType(nullable).name);
}

/**
 * Returns a case. Its values go as variables, those that are the same in all aliases once; ids, texts and the sizes of
 * pages differ in each.
 */
function caseOf(
  kind: Case['kind'],
  steps: readonly Step[],
  argument: string,
  tried: Record<string, unknown>,
  given: Given,
): Case {
  const { type, field } = steps.at(-1)!;
  const request: Case['request'] = (aliases, size) => {
    const names = new Map<string, { type: string; value: unknown }>();
    const variable = (of: string, value: unknown): string => {
      const known = [...names].find(([, one]) => one.value === value && one.type === of);
      const name = known?.[0] ?? `v${names.size}`;
      names.set(name, { type: of, value });
      return `$${name}`;
    };
    const passed = (args: readonly GraphQLArgument[], values: Record<string, unknown>, alias: number): string => {
      const parts = args.flatMap(one => {
        if (one.name === 'first' && values['last'] === undefined) return [`first: ${Math.max(1, size - alias)}`];
        if (values[one.name] === undefined) return [];
        const value = values[one.name];
        return [
          `${one.name}: ${variable(String(one.type), one.name === 'last' ? Math.max(1, Number(value) - alias) : differing(value, alias))}`,
        ];
      });
      return parts.length > 0 ? `(${parts.join(', ')})` : '';
    };
    const line = (place: number, alias: number): string => {
      const step = steps[place]!;
      const isLast = place === steps.length - 1;
      const values = isLast
        ? tried
        : valuesOf(step.field.args, given, `${step.type.name}.${step.field.name}`)[0]!.value;
      // The largest courses first: they are the dearest parents.
      const order = !isLast && step.field.name === 'courses' ? { orderBy: LARGEST_FIRST } : {};
      const inner = isLast ? selectionOf(step.field) : ` { ${line(place + 1, alias)} }`;
      return `${step.field.name}${passed(step.field.args, { ...values, ...order }, alias)}${inner}`;
    };
    const lines = Array.from({ length: aliases }, (_, alias) =>
      aliases === 1 ? line(0, 0) : `a${alias}: ${line(0, alias)}`,
    );
    const declared = [...names].map(([name, { type: of }]) => `$${name}: ${of}`);
    return {
      query: `${kind}${declared.length > 0 ? `(${declared.join(', ')})` : ''} { ${lines.join(' ')} }`,
      variables: Object.fromEntries([...names].map(([name, { value }]) => [name, value])),
    };
  };
  return { kind, name: `${type.name}.${field.name}${argument && ` ${argument}`}`, request };
}

const LARGEST_FIRST = { field: 'TOTAL_ENROLLMENTS', direction: 'DESC' };

/**
 * Returns a value as an alias has it: ids are the next ones, texts are others; the first alias has the value itself,
 * and so has each a long text or list.
 */
function differing(value: unknown, alias: number): unknown {
  if (alias === 0) return value;
  if (typeof value === 'string')
    return value.length > 100
      ? value
      : /^\d+$/.test(value)
        ? String(Number(value) + alias)
        : value === 'zz' || value.includes('@')
          ? `${alias}${value}`
          : value;
  if (Array.isArray(value)) return value.length > 10 ? value : value.map(one => differing(one, alias));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, one]) => [name, differing(one, alias)] as const);
  // What is the same stays the same object, and so one variable.
  return entries.every(([name, one]) => one === (value as Record<string, unknown>)[name])
    ? value
    : Object.fromEntries(entries);
}

/** Returns a selection of the values of a field, and of the rows of a page. */
function selectionOf(field: GraphQLField<unknown, unknown>): string {
  const named = getNamedType(field.type);
  if (!isObjectType(named) && !isInterfaceType(named)) return '';
  const fields = Object.values(named.getFields());
  const leaves = fields
    .filter(({ type, args }) => isLeafType(getNamedType(type)) && args.length === 0)
    .map(({ name }) => name);
  const nodes = fields.filter(({ name }) => name === 'nodes').map(inner => `nodes${selectionOf(inner)}`);
  const selected = [...leaves, ...nodes];
  return ` { ${selected.length > 0 ? selected.join(' ') : '__typename'} }`;
}
