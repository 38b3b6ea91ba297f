import { ArgsType, Field, ID, InputType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus } from '../../entities/index.js';
import type { CourseFilter, CourseOrdering, EnrollmentFilter, EnrollmentOrdering } from '../../reading/index.js';
import { quotedText } from '../../use-cases/quoted-text.js';
import { lengthOf } from '../../use-cases/text.js';
import { badUserInput } from '../errors/errors.js';
import { idsOf, optionalIdOf } from '../ids.js';
import { Int } from '../int.js';
import { PageArgs } from '../lists/pagination.js';
import { CourseOrderField, EnrollmentOrderField, OrderDirection } from '../types/enums.js';

/** Compares whole numbers. */
@InputType('IntFilter', { description: 'Compares a whole number; all parts that are given must hold.' })
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

/** Compares texts. */
@InputType('StringFilter', {
  description:
    'Compares a text, without regard to case and accents unless the database has another collation; all parts that are given must hold.',
})
export class StringFilterInput {
  @Field(() => String, { nullable: true, description: 'Equal to.' })
  eq?: string | null;

  @Field(() => String, { nullable: true, description: 'Has this in it.' })
  contains?: string | null;

  @Field(() => String, { nullable: true, description: 'Begins with this; can use an index, on MySQL and MariaDB.' })
  startsWith?: string | null;
}

/** Chooses courses. */
@InputType('CourseFilter', { description: 'Chooses courses; all parts that are given must hold.' })
export class CourseFilterInput {
  @Field(() => [ID], { nullable: true, description: 'One of these ids.' })
  ids?: string[] | null;

  @Field(() => StringFilterInput, { nullable: true, description: 'The title.' })
  title?: StringFilterInput | null;

  @Field(() => [CourseStatus], { nullable: true, description: 'One of these stages.' })
  status?: CourseStatus[] | null;

  @Field(() => Boolean, { nullable: true, description: 'Published or not.' })
  isPublished?: boolean | null;

  @Field(() => ID, { nullable: true, description: 'The instructor.' })
  instructorId?: string | null;

  @Field(() => IntFilterInput, { nullable: true, description: 'The stored count of all enrollments.' })
  totalEnrollments?: IntFilterInput | null;
}

/** Orders courses. */
@InputType('CourseOrder', { description: 'The order of courses; equal ones by id.' })
export class CourseOrderInput {
  @Field(() => CourseOrderField, { description: 'What to order by.' })
  field!: CourseOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: 'Which way.' })
  direction!: OrderDirection;
}

/** Chooses a page of courses. */
@ArgsType()
export class CoursePageArgs extends PageArgs {
  @Field(() => CourseFilterInput, { nullable: true, description: 'Which courses; all without it.' })
  filter?: CourseFilterInput | null;

  @Field(() => CourseOrderInput, { nullable: true, description: 'In which order; by id without it.' })
  orderBy?: CourseOrderInput | null;
}

/** Chooses enrollments. */
@InputType('EnrollmentFilter', { description: 'Chooses enrollments; all parts that are given must hold.' })
export class EnrollmentFilterInput {
  @Field(() => ID, { nullable: true, description: 'Those in this course.' })
  courseId?: string | null;

  @Field(() => ID, { nullable: true, description: 'Those of this student.' })
  studentId?: string | null;

  @Field(() => [EnrollmentStatus], { nullable: true, description: 'One of these statuses.' })
  status?: EnrollmentStatus[] | null;
}

/** Orders enrollments. */
@InputType('EnrollmentOrder', { description: 'The order of enrollments; equal ones by id.' })
export class EnrollmentOrderInput {
  @Field(() => EnrollmentOrderField, { description: 'What to order by.' })
  field!: EnrollmentOrderField;

  @Field(() => OrderDirection, { defaultValue: OrderDirection.ASC, description: 'Which way.' })
  direction!: OrderDirection;
}

/** Chooses a page of enrollments. */
@ArgsType()
export class EnrollmentPageArgs extends PageArgs {
  @Field(() => EnrollmentFilterInput, { nullable: true, description: 'Which enrollments; all without it.' })
  filter?: EnrollmentFilterInput | null;

  @Field(() => EnrollmentOrderInput, { nullable: true, description: 'In which order; by id without it.' })
  orderBy?: EnrollmentOrderInput | null;
}

/**
 * Limits a text to compare titles with, in characters: no title is longer, and SQLite refuses a pattern that is far
 * longer.
 */
const MAX_TITLE_LENGTH = 255;

/** Limits the ids of a filter: a page has 100 courses at most. */
const MAX_FILTER_IDS = 5000;

/**
 * Gives the reader's filter for courses; errors: BAD_USER_INPUT for ids that are none or too many, texts that no title
 * can have, and ranges with nothing in them.
 */
export function courseFilterOf(filter: CourseFilterInput | null | undefined): CourseFilter {
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
    ids: eachOnce(idsOf(filter?.ids, 'filter.ids')),
    instructorId: optionalIdOf(filter?.instructorId, 'filter.instructorId'),
  };
}

/**
 * Gives a list without what it has said already: each value is a parameter of the statement, of which a database takes
 * only so many.
 */
function eachOnce<Value>(values: readonly Value[] | null | undefined): Value[] | null | undefined {
  return values && [...new Set(values)];
}

/** Gives a comparison of whole numbers, in which there must be room for one. */
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

/** Gives the reader's filter for enrollments; errors: BAD_USER_INPUT for ids that are none. */
export function enrollmentFilterOf(filter: EnrollmentFilterInput | null | undefined): EnrollmentFilter {
  return {
    courseId: optionalIdOf(filter?.courseId, 'filter.courseId'),
    studentId: optionalIdOf(filter?.studentId, 'filter.studentId'),
    status: eachOnce(filter?.status),
  };
}

/** Returns the reader's ordering of courses; by id ascending unless another one is asked for. */
export function courseOrderingOf(orderBy: CourseOrderInput | null | undefined): CourseOrdering {
  return orderingOf('courses', orderBy?.field ?? CourseOrderField.ID, orderBy?.direction);
}

/** Returns the reader's ordering of enrollments; by id ascending unless another one is asked for. */
export function enrollmentOrderingOf(orderBy: EnrollmentOrderInput | null | undefined): EnrollmentOrdering {
  return orderingOf('enrollments', orderBy?.field ?? EnrollmentOrderField.ID, orderBy?.direction);
}

function orderingOf<Column extends string>(list: string, column: Column, direction: OrderDirection | undefined) {
  return { list, field: column.toUpperCase(), column, descending: direction === OrderDirection.DESC };
}
