import { z } from 'zod';
import { CourseStatus, EnrollmentStatus, keyForms, Role, storedCounts } from '../entities/index.js';

/** The version of the map's form; a later form has another one. */
const MAP_VERSION = 1;

const column = z.string().min(1).max(64).describe('The name of a column.');

/** A value as another application stores it, in the form that JSON has for it. */
const theirValue = z.union([z.string(), z.number(), z.boolean()]);

const constant = z.strictObject({ value: z.union([theirValue, z.null()]) }).describe('The same value for every row.');

const template = z
  .strictObject({ template: z.string().min(1) })
  .describe(
    'A text with the values of columns in it: {first_name} {last_name}. Blank if all of these values are blank.',
  );

const single = z.union([column, template, constant]);

const textSource = z
  .union([
    single,
    z.strictObject({ firstOf: z.array(single).min(1) }).describe('The first of these that is not blank.'),
  ])
  .describe('Where a text comes from.');

const plain = z.union([column, constant]).describe('The column that has the value, or the same value for every row.');

const moment = z
  .union([column, z.strictObject({ column, unit: z.enum(['seconds', 'milliseconds']) })])
  .describe('The column that has a moment in UTC; a whole number counts a unit since 1970.');

/** Returns the form of a value that has a name in this application, such as a status. */
function choiceOf<const Name extends string>(names: readonly [Name, ...Name[]]) {
  const name = z.enum(names);
  const translated = z
    .strictObject({
      column,
      values: z
        .partialRecord(name, z.array(theirValue).min(1))
        .describe('For each value of ours, theirs, compared regardless of case and of spaces around them.'),
      otherwise: name.optional().describe('The value of ours for all values that are not listed.'),
    })
    .describe('A column whose values are translated.');
  const fixed = z.strictObject({ value: name }).describe('The same value for every row.');
  return z.union([
    translated,
    fixed,
    z
      .strictObject({ firstOf: z.array(z.union([translated, fixed])).min(1) })
      .describe('The first of these that has a value.'),
  ]);
}

const truth = z
  .union([column, z.strictObject({ value: z.boolean() }), choiceOf(['true', 'false'])])
  .describe('Where true or false comes from: a column that has them, or the values of a column.');

const table = z.string().min(1).describe('The name of a table.');

const keys = z
  .enum(keyForms)
  .optional()
  .describe(
    'What the keys are where the database is opened in place; number if left out. UUIDs are values of the type uuid (uuid), texts of 36 characters (uuid-text) or of 32 digits (uuid-hex), all in small letters, or 16 bytes (uuid-binary).',
  );

const isReadOnly = (byDefault: boolean) =>
  z
    .boolean()
    .optional()
    .describe(
      `Whether Rollcall leaves the rows of this table to the other application; ${byDefault} if left out. It concerns a database that is opened in place.`,
    );

const fill = z
  .record(
    column,
    z.union([
      constant,
      z
        .strictObject({ template: z.string().min(1) })
        .describe('A text with the values of columns in it: {id}-{title}.'),
      z
        .strictObject({ slug: z.string().min(1) })
        .describe('The same, in small letters and digits with hyphens between them; or the name of one column.'),
    ]),
  )
  .optional()
  .describe('The columns that an INSERT of Rollcall fills, because they have no default and no field maps to them.');

/** The form of a map. */
export const mapForm = z
  .strictObject({
    $schema: z.string().optional(),
    version: z.literal(MAP_VERSION),
    users: z.strictObject({
      table,
      keys,
      readOnly: isReadOnly(true),
      fill,
      columns: z.strictObject({
        id: column,
        name: textSource,
        email: textSource,
        role: choiceOf(namesOf(Role)),
        createdAt: moment.optional(),
        updatedAt: moment.optional(),
      }),
      emailIfTaken: template
        .optional()
        .describe(
          'The email of a user whose own is that of a user with a lower id; without it such a user is rejected.',
        ),
      inactive: z
        .strictObject({ column, values: z.array(theirValue).min(1) })
        .optional()
        .describe('The column that says who may no longer sign in, and the values that say so; they become students.'),
    }),
    courses: z.strictObject({
      table,
      keys,
      readOnly: isReadOnly(false),
      fill,
      columns: z.strictObject({
        id: column,
        title: textSource,
        description: textSource.optional(),
        status: choiceOf(namesOf(CourseStatus)),
        isPublished: truth,
        capacity: plain.optional(),
        instructor: column.optional(),
        createdAt: moment.optional(),
        updatedAt: moment.optional(),
      }),
      counts: z
        .strictObject(Object.fromEntries(storedCounts.map(({ counter: { into } }) => [into, column.optional()])))
        .optional()
        .describe('The columns of the counts that the application has stored; they are compared, and not copied.'),
    }),
    enrollments: z.strictObject({
      table,
      keys,
      readOnly: isReadOnly(false),
      fill,
      columns: z.strictObject({
        id: column,
        course: column,
        student: column,
        status: choiceOf(namesOf(EnrollmentStatus)),
        enrolledAt: moment.optional(),
        updatedAt: moment.optional(),
      }),
    }),
  })
  .describe("Where another application's database has users, courses and enrollments.");

/** Where another application's database has users, courses and enrollments. */
export type DatabaseMap = z.output<typeof mapForm>;

/** Where a text, a number or a moment comes from. */
export type ValueSource = z.output<typeof textSource>;

/** Where a moment comes from. */
export type MomentSource = z.output<typeof moment>;

/** Where a choice comes from: each of our names with their values. */
export type ChoiceSource = z.output<ReturnType<typeof choiceOf>>;

/** Where true or false comes from. */
export type TruthSource = z.output<typeof truth>;

/** The columns that an INSERT fills, and with what. */
export type Fill = NonNullable<DatabaseMap['courses']['fill']>;

/** Where any value comes from. */
export type AnySource = ValueSource | MomentSource | ChoiceSource | TruthSource;

/** One part of the source of a choice: a column with its values, or a fixed name. */
export type ChoicePart = Exclude<ChoiceSource, { firstOf: unknown }>;

/** The parts of a map, each of which describes one table. */
export const mapParts = ['users', 'courses', 'enrollments'] as const;

/** The name of a part of a map. */
export type MapPart = (typeof mapParts)[number];

/** The error of a map that cannot be used; its message says which part, and what is wrong. */
export class MapError extends Error {
  override readonly name = 'MapError';
  readonly code = 'MAP_INVALID';
}

/** Reads a map. Errors: MapError, which names each mistake. */
export function mapFrom(text: string, path: string): DatabaseMap {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MapError(`${path} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const read = mapForm.safeParse(value);
  if (read.success) return read.data;
  const mistakes = read.error.issues.map(({ path: place, message }) => `${place.join('.') || 'the whole'}: ${message}`);
  throw new MapError(`${path} is not a map. ${mistakes.join('; ')}.`);
}

/** Returns the JSON schema of maps, for editors. */
export function mapJsonSchema(): object {
  return z.toJSONSchema(mapForm, { io: 'input' });
}

/** Returns the columns that a source of a value names. */
export function columnsIn(source: AnySource | undefined): string[] {
  if (source === undefined) return [];
  if (typeof source === 'string') return [source];
  if ('firstOf' in source) return source.firstOf.flatMap(one => columnsIn(one));
  if ('template' in source) return [...source.template.matchAll(PLACEHOLDER)].map(([, name]) => name!);
  return 'column' in source ? [source.column] : [];
}

/**
 * Returns an address for users who have none of their own. The top-level domain `invalid` is reserved so that nobody can
 * be reached there: https://www.rfc-editor.org/rfc/rfc2606.
 */
export function placeholderEmail(key: string): { readonly template: string } {
  return { template: `user-{${key}}@rollcall.invalid` };
}

/** A place in a template that stands for the value of a column. */
export const PLACEHOLDER = /\{([^{}]+)\}/g;

function namesOf<Names extends Readonly<Record<string, string>>>(
  names: Names,
): [keyof Names & string, ...(keyof Names & string)[]] {
  return Object.keys(names) as [keyof Names & string, ...(keyof Names & string)[]];
}
