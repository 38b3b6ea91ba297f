import {
  getNamedType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLNamedOutputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

/** One place for a value: an argument of a field, or a part of one at any depth. */
export interface Place {
  /** The coordinate of the argument or input field in the schema, such as `Query.course(id:)` or `CourseFilter.ids`. */
  readonly coordinate: string;
  /** The field that takes it, such as `Course.enrollments`. */
  readonly field: string;
  /** The path to it from the field, such as `filter`, `ids`. */
  readonly path: readonly string[];
  readonly type: GraphQLInputType;
  /** The path to the field from a root type, which is the first, each with the required arguments of the field. */
  readonly route: readonly GraphQLField<unknown, unknown>[];
  readonly root: 'query' | 'mutation';
}

/** A function that returns a valid value of a required argument, so that only one thing is wrong. */
export type Filling = (coordinate: string, type: GraphQLInputType) => unknown;

/**
 * Returns every place for a value in the queries and mutations of a schema, of nested fields too. Fails for a field
 * with arguments that no query reaches.
 */
export function placesOf(schema: GraphQLSchema): Place[] {
  const [query, mutation] = [schema.getQueryType()!, schema.getMutationType()!];
  const routes = routesFrom(query);
  const objects = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter(type => !type.name.startsWith('__') && type !== schema.getSubscriptionType());
  return objects.flatMap(type =>
    Object.values(type.getFields()).flatMap(field => {
      if (field.args.length === 0) return [];
      const route = type === mutation ? [] : routes.get(type.name);
      if (!route) throw new Error(`No query leads to ${type.name}.${field.name}, so nobody has sent it anything bad.`);
      return field.args.flatMap(argument =>
        placesIn(argument, {
          coordinate: `${type.name}.${field.name}(${argument.name}:)`,
          field: `${type.name}.${field.name}`,
          path: [argument.name],
          type: argument.type,
          route: [...route, field],
          root: type === mutation ? 'mutation' : 'query',
        }),
      );
    }),
  );
}

function placesIn({ type }: GraphQLArgument | GraphQLInputField, place: Place): Place[] {
  const named = getNamedType(type);
  if (isLeafType(named)) return [place];
  const parts = Object.values(named.getFields()).flatMap(part =>
    placesIn(part, {
      ...place,
      coordinate: `${named.name}.${part.name}`,
      path: [...place.path, part.name],
      type: part.type,
    }),
  );
  return [place, ...parts];
}

/** Returns the shortest path to each type through fields that are no lists. */
function routesFrom(query: GraphQLObjectType): Map<string, readonly GraphQLField<unknown, unknown>[]> {
  const routes = new Map<string, readonly GraphQLField<unknown, unknown>[]>([[query.name, []]]);
  const waiting = [query];
  for (let type = waiting.shift(); type; type = waiting.shift()) {
    for (const field of Object.values(type.getFields())) {
      const found = itselfOf(field);
      if (!isObjectType(found) || routes.has(found.name)) continue;
      routes.set(found.name, [...routes.get(type.name)!, field]);
      waiting.push(found);
    }
  }
  return routes;
}

function itselfOf({ type }: GraphQLField<unknown, unknown>): unknown {
  return isNonNullType(type) ? type.ofType : type;
}

/**
 * Returns an operation that passes each of the values to a place, by variables `$v0`, `$v1`, … or as literals on lines
 * of their own, and the variables.
 */
export function operationFor(
  { route, root, path: [argument, ...rest], field }: Place,
  values: readonly unknown[],
  fill: Filling,
  { literally = false, beside = {} }: { literally?: boolean; beside?: object } = {},
): { query: string; variables: Record<string, unknown> } {
  const last = route.at(-1)!;
  const { type } = last.args.find(({ name }) => name === argument)!;
  const whole = values.map(value => nested(type, rest, value, fill, beside));
  const given = (index: number): string => `${argument}: ${literally ? literal(whole[index]) : `$v${index}`}`;
  const others = (one: GraphQLField<unknown, unknown>, coordinate: string): string[] =>
    one.args
      .filter(other => isRequiredArgument(other) && !(one === last && other.name === argument))
      .map(other => `${other.name}: ${literal(fill(`${coordinate}(${other.name}:)`, other.type))}`);
  const selection = selectionOf(getNamedType(last.type));
  const fields = values.map(
    (_, index) => `a${index}: ${last.name}(${[given(index), ...others(last, field)].join(', ')}) ${selection}`,
  );
  const parent = (depth: number): string => (depth === 0 ? 'Query' : getNamedType(route[depth - 1]!.type).name);
  const around = route.slice(0, -1).map((one, depth) => {
    const filled = others(one, `${parent(depth)}.${one.name}`);
    return filled.length === 0 ? one.name : `${one.name}(${filled.join(', ')})`;
  });
  const body = around.reduceRight((inner, outer) => `${outer} {\n${inner}\n}`, fields.join('\n'));
  const declared = literally ? '' : `(${values.map((_, index) => `$v${index}: ${String(type)}`).join(', ')})`;
  return {
    query: `${root} Bad${declared} {\n${body}\n}`,
    variables: literally ? {} : Object.fromEntries(whole.map((value, index) => [`v${index}`, value])),
  };
}

/** Returns the result of a value at a place, in an answer with data. */
export function resultOf({ route }: Place, data: any, index = 0): any {
  return route.slice(0, -1).reduce((inner, { name }) => inner?.[name], data)?.[`a${index}`] ?? null;
}

/** Returns a value inside the objects of its path, with the other fields that they need. */
function nested(
  type: GraphQLInputType,
  path: readonly string[],
  value: unknown,
  fill: Filling,
  beside: object,
): unknown {
  const [first, ...rest] = path;
  const named = getNamedType(type);
  if (first === undefined) return value;
  if (!isInputObjectType(named) || isListType(isNonNullType(type) ? type.ofType : type))
    throw new Error(`Nobody has said how to reach a part of ${String(type)}.`);
  const parts = Object.values(named.getFields()).filter(part => part.name === first || isRequiredInputField(part));
  const whole = Object.fromEntries(
    parts.map(part => [
      part.name,
      part.name === first
        ? nested(part.type, rest, value, fill, beside)
        : fill(`${named.name}.${part.name}`, part.type),
    ]),
  );
  return rest.length === 0 ? { ...whole, ...beside } : whole;
}

/** Selects all plain fields, and those of the objects one step further. */
function selectionOf(type: GraphQLNamedOutputType, depth = 1): string {
  if (!isObjectType(type)) return '';
  const fields = Object.values(type.getFields()).filter(({ args }) => args.length === 0);
  const plain = fields.filter(field => isLeafType(getNamedType(field.type))).map(({ name }) => name);
  const objects =
    depth === 0
      ? []
      : fields
          .filter(field => !isLeafType(getNamedType(field.type)))
          .map(field => `${field.name} ${selectionOf(getNamedType(field.type), 0)}`);
  return `{ ${[...plain, ...objects.filter(one => !one.endsWith('{  }'))].join(' ')} }`;
}

function literal(value: unknown): string {
  if (value instanceof Name) return value.text;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null)
    return `{ ${Object.entries(value)
      .map(([name, part]) => `${name}: ${literal(part)}`)
      .join(', ')} }`;
  return JSON.stringify(value);
}

/** A name in an operation, such as an enum's value; as a variable it is a text. */
export class Name {
  constructor(readonly text: string) {}
  toJSON(): string {
    return this.text;
  }
}
