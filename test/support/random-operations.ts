import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';
import type { Random } from '../../src/tools/sample-data/random.js';

/** The material of random operations. */
export interface OperationMaterial {
  readonly schema: GraphQLSchema;
  readonly random: Random;
  /** Returns a value for an argument or input field of a scalar type; undefined to make one by its type. */
  readonly scalar: (coordinate: string, type: string) => unknown;
  /** The maximum nesting of fields. */
  readonly depth: number;
}

/**
 * A random operation that the schema allows, with the coordinates of all fields that it selects, such as
 * `Course.title`.
 */
export interface RandomOperation {
  readonly text: string;
  readonly fields: ReadonlySet<string>;
}

/**
 * Returns a random query or mutation: one to three root fields, without aliases; each object with an id selects its id
 * and type.
 */
export function randomOperation(material: OperationMaterial, kind: 'query' | 'mutation'): RandomOperation {
  const { schema, random } = material;
  const root = kind === 'query' ? schema.getQueryType()! : schema.getMutationType()!;
  const fields = new Set<string>();
  const names = random.shuffled(Object.values(root.getFields())).slice(0, kind === 'query' ? 1 + random.below(3) : 1);
  const text = `${kind} Random { ${names.map(field => fieldText(material, root, field, material.depth, fields)).join(' ')} }`;
  return { text, fields };
}

function fieldText(
  material: OperationMaterial,
  parent: GraphQLObjectType,
  field: GraphQLField<unknown, unknown>,
  depth: number,
  fields: Set<string>,
): string {
  const { random } = material;
  const coordinate = `${parent.name}.${field.name}`;
  fields.add(coordinate);
  const given = field.args.filter(argument => isRequiredArgument(argument) || random.chance(0.35));
  const values = given.map(({ name, type }) => `${name}: ${valueText(material, `${coordinate}(${name}:)`, type, 3)}`);
  const type = getNamedType(field.type);
  return `${field.name}${values.length === 0 ? '' : `(${values.join(', ')})`}${isObjectType(type) ? ` ${selectionText(material, type, depth - 1, fields)}` : ''}`;
}

function selectionText(
  material: OperationMaterial,
  type: GraphQLObjectType,
  depth: number,
  fields: Set<string>,
): string {
  const { random } = material;
  const all = Object.values(type.getFields());
  const possible = all.filter(field => depth > 0 || isLeafType(getNamedType(field.type)));
  const chosen = random
    .shuffled(possible)
    .slice(0, 1 + random.below(4))
    .filter(({ name }) => name !== 'id');
  const texts = chosen.map(field => fieldText(material, type, field, depth, fields));
  if (all.some(({ name }) => name === 'id')) {
    fields.add(`${type.name}.id`);
    texts.push('id');
  }
  return `{ __typename ${texts.join(' ')} }`;
}

function valueText(material: OperationMaterial, coordinate: string, type: GraphQLInputType, depth: number): string {
  const { random } = material;
  const nullable = getNullableType(type);
  if (!isNonNullType(type) && random.chance(0.05)) return 'null';
  if (isListType(nullable))
    return `[${Array.from({ length: random.below(4) }, () => valueText(material, coordinate, nullable.ofType, depth)).join(', ')}]`;
  if (isEnumType(nullable)) return random.pick(nullable.getValues()).name;
  if (isInputObjectType(nullable)) {
    const parts = Object.values(nullable.getFields()).filter(
      part => isRequiredInputField(part) || (depth > 0 && random.chance(0.4)),
    );
    return `{ ${parts.map(part => `${part.name}: ${valueText(material, `${nullable.name}.${part.name}`, part.type, depth - 1)}`).join(', ')} }`;
  }
  const name = String(nullable);
  const made: Readonly<Record<string, () => unknown>> = {
    Int: () => random.below(30),
    Float: () => random.next(),
    Boolean: () => random.chance(0.5),
    ID: () => String(1 + random.below(50)),
  };
  const value = material.scalar(coordinate, name) ?? made[name]?.() ?? random.pick(['a', 'Zed', '']);
  return JSON.stringify(value);
}
