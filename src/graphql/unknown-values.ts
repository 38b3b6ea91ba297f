import { type Key, shownKey } from '../entities/index.js';
import {
  defaultFieldResolver,
  getNamedType,
  getNullableType,
  GraphQLID,
  isEnumType,
  isNonNullType,
  isObjectType,
  type GraphQLField,
  type GraphQLSchema,
} from 'graphql';
import { isUnknownMoment, unknownValueIn } from '../map/choices.js';
import type { Context } from './context.js';
import { codedError } from './errors/errors.js';

/** The types whose rows another application writes, with the words for them in messages. */
const rowTypes = { Course: 'course', Enrollment: 'enrollment', User: 'user' } as const;

/**
 * Makes the fields of rows that another application writes nullable, so that a value which the map does not name costs
 * that field of that row an error, and not the whole list. Changes and returns the schema.
 */
export function withUnknownValues(schema: GraphQLSchema): GraphQLSchema {
  for (const [name, word] of Object.entries(rowTypes)) {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`The schema has no type ${name}.`);
    for (const field of Object.values(type.getFields()))
      if (field.name !== 'id' && field.args.length === 0 && isNonNullType(field.type)) tolerate(field, word);
  }
  return schema;
}

/** Makes the ids of a schema the UUIDs as they are shown, where the database has them in another form. */
export function withShownKeys(schema: GraphQLSchema): GraphQLSchema {
  const shown = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(one => shownKey(one as Key)) : value == null ? value : shownKey(value as Key);
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      if (getNamedType(field.type) !== GraphQLID) continue;
      const resolve = field.resolve ?? defaultFieldResolver;
      field.resolve = (row, args, context, info) => {
        const value: unknown = resolve(row, args, context, info);
        return value instanceof Promise ? value.then(shown) : shown(value);
      };
    }
  }
  return schema;
}

function tolerate(field: GraphQLField<{ readonly id: Key }, Context>, word: string): void {
  const resolve = field.resolve ?? defaultFieldResolver;
  field.type = getNullableType(field.type);
  const isChoice = isEnumType(field.type);
  const isRow = isObjectType(field.type);
  const valued = (value: unknown, id: Key): unknown => {
    if (isRow && value === null)
      throw codedError(
        'UNKNOWN_VALUE',
        `The ${field.name} of ${word} ${shownKey(id)} does not exist in the database of another application.`,
      );
    if (value === null || value === undefined) throw unknownValue(word, id, field.name, 'empty');
    const unknown = isChoice && typeof value === 'string' ? unknownValueIn(value) : null;
    if (unknown !== null) throw unknownValue(word, id, field.name, JSON.stringify(unknown));
    if (value instanceof Date && (Number.isNaN(value.valueOf()) || isUnknownMoment(value)))
      throw unknownValue(word, id, field.name, 'empty, or not a date');
    return value;
  };
  field.resolve = (row, args, context, info) => {
    const value: unknown = resolve(row, args, context, info);
    return value instanceof Promise ? value.then(one => valued(one, row.id)) : valued(value, row.id);
  };
}

/** Requires that counts by status are those of all rows. Errors: UNKNOWN_VALUE, which names the others. */
export function requireKnownStatuses(courseId: Key, counts: ReadonlyMap<string, number>): void {
  const values = [...counts].flatMap(([status, count]) => {
    const unknown = unknownValueIn(status);
    return unknown === null ? [] : [`${JSON.stringify(unknown)} ${count}`];
  });
  if (values.length === 0) return;
  throw codedError(
    'UNKNOWN_VALUE',
    `Course ${shownKey(courseId)} has enrollments with a status that the map does not name: ${values.join(', ')}. An operator must add it to the map.`,
  );
}

function unknownValue(word: string, id: Key, field: string, value: string) {
  return codedError(
    'UNKNOWN_VALUE',
    `The ${field} of ${word} ${shownKey(id)} is ${value} in the database of another application, and the map does not name it. An operator must add it to the map.`,
  );
}
