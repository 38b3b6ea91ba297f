/**
 * The cost of introspection: about the number of values in the answer, which are many times the fields of the query.
 */
import {
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  type GraphQLSchema,
} from 'graphql';
import type { ComplexityEstimator } from 'graphql-query-complexity';

/** The lowest cost of __schema or __type. */
const MIN_INTROSPECTION_POINTS = 5000;

/** Returns the estimator for the fields of introspection; it leaves other fields to the next one. */
export function introspectionCost(schema: GraphQLSchema): ComplexityEstimator {
  const sizes = sizesOf(schema);
  return ({ type, field, childComplexity }) => {
    if (field.name === '__schema' || field.name === '__type')
      return Math.max(MIN_INTROSPECTION_POINTS, Math.ceil(childComplexity));
    if (field.name === '__typename' || !type.name.startsWith('__')) return undefined;
    const listed = isNonNullType(field.type) ? field.type.ofType : field.type;
    return 1 + (isListType(listed) ? (sizes[`${type.name}.${field.name}`] ?? 1) : 1) * childComplexity;
  };
}

const knownWeights = new WeakMap<GraphQLSchema, Readonly<Record<string, number>>>();

/** Returns how many entries the lists of a schema have; for lists of each type or field, the average. */
function sizesOf(schema: GraphQLSchema): Readonly<Record<string, number>> {
  const sizes = knownWeights.get(schema);
  if (sizes) return sizes;
  const types = Object.values(schema.getTypeMap());
  const fields = types.flatMap(type =>
    isObjectType(type) || isInterfaceType(type) ? Object.values(type.getFields()) : [],
  );
  const inputFields = types.flatMap(type => (isInputObjectType(type) ? Object.values(type.getFields()) : []));
  const values = types.flatMap(type => (isEnumType(type) ? type.getValues() : []));
  const args = fields.flatMap(field => field.args);
  const made = {
    '__Schema.types': types.length,
    '__Schema.directives': schema.getDirectives().length,
    '__Type.fields': fields.length / types.length,
    '__Type.inputFields': inputFields.length / types.length,
    '__Type.enumValues': values.length / types.length,
    '__Field.args': args.length / fields.length,
  };
  knownWeights.set(schema, made);
  return made;
}
