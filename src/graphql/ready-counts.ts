import { isObjectType, type GraphQLField, type GraphQLSchema } from 'graphql';
import type { CountRequest, CourseRow } from '../reading/index.js';
import type { Context } from './context.js';

/**
 * Lets computed counts that were read together with their courses be answered at once: for a field with arguments,
 * type-graphql makes some promises for each course. Changes and returns the schema.
 */
export function withReadyCounts(schema: GraphQLSchema): GraphQLSchema {
  const type = schema.getType('Course');
  if (!isObjectType(type)) throw new Error('The schema has no type Course.');
  const field = type.getFields()['enrollmentsCount'] as GraphQLField<CourseRow, Context, CountRequest>;
  const resolve = field.resolve!;
  field.resolve = (course, request, context, info) =>
    context.loaders.readyCount(course.id, request) ?? resolve(course, request, context, info);
  return schema;
}
