import { ArgsType, Field, ID, InputType } from 'type-graphql';
import type { Database } from '../../database/database.js';
import { keyFormOf } from '../../database/mapped/key-forms.js';
import { CourseStatus, EnrollmentStatus, type KeyForm } from '../../entities/index.js';
import type { CourseFilter, CourseOrdering, EnrollmentFilter, EnrollmentOrdering } from '../../reading/index.js';
import { quotedText } from '../../use-cases/quoted-text.js';
import { lengthOf } from '../../use-cases/text.js';
import { badUserInput } from '../errors/errors.js';
import { idsOf, optionalIdOf } from '../ids.js';
import { Int } from '../int.js';
import { PageArgs } from '../lists/pagination.js';
import { CourseOrderField, EnrollmentOrderField, OrderDirection } from '../types/enums.js';

/** A comparison of whole numbers. */
@InputType('IntFilter', { description: 'A comparison of a whole number; all given conditions must hold.' })
export class IntFilterInput {
  @Field(() => Int, { nullable: true, description: 'Equal to.' })
  eq?: number | null;

  @Field(() => Int, { nullable: true, description: 'Greater than.' })
  gt?: number | null;

  @Field(() => Int, { nullable: true, description: 'Greater than or equal to.' })
  gte?: number | null;

  @Field(() => Int, { nullable: true, description: 'Less than.' })
  lt?: number | null;

  @Field(() => Int, { nullable: true, description: 'Less than or equal to.' })
  lte?: number | null;
}

/** A comparison of texts. */
@InputType('StringFilter', {
  description:
    'A comparison of a text that ignores case and accents, unless the database has another collation; all given conditions must hold.',
})
export class StringFilterInput {
  @Field(() => String, { nullable: true, description: 'Equal to.' })
  eq?: string | null;

  @Field(() => String, { nullable: true, description: 'Contains this text.' })
  contains?: string | null;

  @Field(() => String, { nullable: true, description: 'Begins with this text; can use an index on MySQL and MariaDB.' })
  startsWith?: string | null;
}

/** The filter of courses. */
@InputType('CourseFilter', { description: 'A filter of courses; all given conditions must hold.' })
export class CourseFilterInput {
  @Field(() => [ID], { nullable: true, description: 'One of these ids.' })
  ids?: string[] | null;

  @Field(() => StringFilterInput, { nullable: true, description: 'A comparison of the title.' })
  title?: StringFilterInput | null;

  @Field(() => [CourseStatus], { nullable: true, description: 'One of these stages.' })
  status?: CourseStatus[] | null;

  @Field(() => Boolean, { nullable: true, description: 'Whether the course is published.' })
  isPublished?: boolean | null;

  @Field(() => ID, { nullable: true, description: 'The instructor.' })
  instructorId?: string | null;

  @Field(() => IntFilterInput, { nullable: true, description: 'A comparison of the stored count of all enrollments.' })
  totalEnrollments?: IntFilterInput | null;
}

/** The order of courses. */
@InputType('CourseOrder', { description: 'The order of courses; courses with equal values are ordered by id.' })
export class CourseOrderInput {
  @Field(() => CourseOrderField, { description: 'The field to order by.' })
  field!: CourseOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: 'The direction.' })
  direction!: OrderDirection;
}

/** The arguments of a page of courses. */
@ArgsType()
export class CoursePageArgs extends PageArgs {
  @Field(() => CourseFilterInput, { nullable: true, description: 'The filter; all courses without it.' })
  filter?: CourseFilterInput | null;

  @Field(() => CourseOrderInput, { nullable: true, description: 'The order; by id without it.' })
  orderBy?: CourseOrderInput | null;
}

/** The filter of enrollments. */
@InputType('EnrollmentFilter', { description: 'A filter of enrollments; all given conditions must hold.' })
export class EnrollmentFilterInput {
  @Field(() => ID, { nullable: true, description: 'The course.' })
  courseId?: string | null;

  @Field(() => ID, { nullable: true, description: 'The student.' })
  studentId?: string | null;

  @Field(() => [EnrollmentStatus], { nullable: true, description: 'One of these statuses.' })
  status?: EnrollmentStatus[] | null;
}

/** The order of enrollments. */
@InputType('EnrollmentOrder', {
  description: 'The order of enrollments; enrollments with equal values are ordered by id.',
})
export class EnrollmentOrderInput {
  @Field(() => EnrollmentOrderField, { description: 'The field to order by.' })
  field!: EnrollmentOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: 'The direction.' })
  direction!: OrderDirection;
}

/** The arguments of a page of enrollments. */
@ArgsType()
export class EnrollmentPageArgs extends PageArgs {
  @Field(() => EnrollmentFilterInput, { nullable: true, description: 'The filter; all enrollments without it.' })
  filter?: EnrollmentFilterInput | null;

  @Field(() => EnrollmentOrderInput, { nullable: true, description: 'The order; by id without it.' })
  orderBy?: EnrollmentOrderInput | null;
}

/**
 * The most characters of a text to compare titles with: no title is longer, and SQLite rejects a much longer pattern.
 */
const MAX_TITLE_LENGTH = 255;

/** The most ids of a filter: a page has at most 100 courses. */
const MAX_FILTER_IDS = 5000;

/**
 * Returns the reader's filter for courses. Errors: BAD_USER_INPUT for malformed or too many ids, for texts that no title
 * can have, and for empty ranges.
 */
export function courseFilterOf(database: Database, filter: CourseFilterInput | null | undefined): CourseFilter {
  const count = filter?.ids?.length ?? 0;
  if (count > MAX_FILTER_IDS)
    throw badUserInput(
      'filter.ids',
      `${count} ids are more than the ${MAX_FILTER_IDS} of one filter; ask for them in parts.`,
    );
  return {
    ...filter,
    status: eachOnce(filter?.status),
    title: titleFilterOf(filter?.title),
    totalEnrollments: rangeOf('filter.totalEnrollments', filter?.totalEnrollments),
    ids: eachOnce(idsOf(database, 'courses', filter?.ids, 'filter.ids')),
    instructorId: optionalIdOf(database, 'users', filter?.instructorId, 'filter.instructorId'),
  };
}

/**
 * Returns a list without repetitions: each value is a parameter of the statement, and a database limits their number.
 */
function eachOnce<Value>(values: readonly Value[] | null | undefined): Value[] | null | undefined {
  return values && [...new Set(values)];
}

/** Returns a comparison of whole numbers. Errors: BAD_USER_INPUT for an empty range. */
function rangeOf(argument: string, filter: IntFilterInput | null | undefined): IntFilterInput | null | undefined {
  if (!filter) return filter;
  const { eq, gt, gte, lt, lte } = filter;
  const least = Math.max(gte ?? -Infinity, (gt ?? -Infinity) + 1, eq ?? -Infinity);
  const most = Math.min(lte ?? Infinity, (lt ?? Infinity) - 1, eq ?? Infinity);
  if (least <= most) return filter;
  const parts = Object.entries({ eq, gt, gte, lt, lte }).flatMap(([name, value]) =>
    value == null ? [] : [`${name} ${value}`],
  );
  throw badUserInput(argument, `no whole number is ${parts.join(' and ')}; change the range or leave a part out.`);
}

function titleFilterOf(filter: StringFilterInput | null | undefined): StringFilterInput | null | undefined {
  for (const part of ['eq', 'contains', 'startsWith'] as const) {
    const text = filter?.[part] ?? '';
    const length = lengthOf(text, MAX_TITLE_LENGTH);
    if (length > MAX_TITLE_LENGTH)
      throw badUserInput(
        `filter.title.${part}`,
        `${quotedText(text)} has ${length} characters, more than the ${MAX_TITLE_LENGTH} that a title can have; shorten it.`,
      );
    if (text.includes('\0') || !text.isWellFormed())
      throw badUserInput(
        `filter.title.${part}`,
        `${quotedText(text)} has a NUL or a broken surrogate in it; take it out.`,
      );
  }
  return filter;
}

/** Returns the reader's filter for enrollments. Errors: BAD_USER_INPUT for malformed ids. */
export function enrollmentFilterOf(
  database: Database,
  filter: EnrollmentFilterInput | null | undefined,
): EnrollmentFilter {
  return {
    courseId: optionalIdOf(database, 'courses', filter?.courseId, 'filter.courseId'),
    studentId: optionalIdOf(database, 'users', filter?.studentId, 'filter.studentId'),
    status: eachOnce(filter?.status),
  };
}

/** Returns the reader's ordering of courses; by default, by id ascending. */
export function courseOrderingOf(database: Database, orderBy: CourseOrderInput | null | undefined): CourseOrdering {
  const keys = keyFormOf(database, 'courses');
  return orderingOf('courses', keys, orderBy?.field ?? CourseOrderField.ID, orderBy?.direction);
}

/** Returns the reader's ordering of enrollments; by default, by id ascending. */
export function enrollmentOrderingOf(
  database: Database,
  orderBy: EnrollmentOrderInput | null | undefined,
): EnrollmentOrdering {
  const keys = keyFormOf(database, 'enrollments');
  return orderingOf('enrollments', keys, orderBy?.field ?? EnrollmentOrderField.ID, orderBy?.direction);
}

function orderingOf<Column extends string>(
  list: string,
  keys: KeyForm,
  column: Column,
  direction: OrderDirection | undefined,
) {
  return { list, keys, field: column.toUpperCase(), column, descending: direction === OrderDirection.DESC };
}
