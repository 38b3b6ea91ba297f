import { GraphQLDateTime } from 'graphql-scalars';
import { Directive, Field, ID, ObjectType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus, Role } from '../../entities/index.js';
import { UserErrorCode } from '../../use-cases/outcome.js';
import { PUBLIC } from '../cache-hints.js';
import { Int } from '../int.js';
import { CountPrecision } from './enums.js';

/** Shows a user; `email` and the lists are field resolvers. */
@Directive(PUBLIC)
@ObjectType('User', { description: 'A student, a teacher or an admin.' })
export class UserType {
  @Field(() => ID, { description: 'The number of the user, the `sub` of its tokens.' })
  id!: number;

  @Field(() => String, { description: 'The full name.' })
  name!: string;

  @Field(() => Role, { description: 'What the user may do.' })
  role!: Role;
}

/** Shows a course; relations and computed counts are field resolvers. */
@Directive(PUBLIC)
@ObjectType('Course', { description: 'A course, with stored counts that are exact at every commit.' })
export class CourseType {
  @Field(() => ID, { description: 'The number of the course.' })
  id!: number;

  @Field(() => String, { description: 'The title; need not be unique.' })
  title!: string;

  @Field(() => String, { nullable: true, description: 'What the course is about.' })
  description!: string | null;

  @Field(() => CourseStatus, { description: 'The stage of the course.' })
  status!: CourseStatus;

  @Field(() => Boolean, { description: 'Whether everybody can see it.' })
  isPublished!: boolean;

  @Field(() => Int, { nullable: true, description: 'Most ACTIVE enrollments allowed; null: no limit.' })
  capacity!: number | null;

  @Field(() => Int, { description: 'Stored: all enrollments, whatever their status.' })
  totalEnrollments!: number;

  @Field(() => Int, { description: 'Stored: enrollments that are ACTIVE.' })
  activeEnrollments!: number;

  @Field(() => GraphQLDateTime, { description: 'When the course was created.' })
  createdAt!: Date;

  @Field(() => GraphQLDateTime, { description: 'When its data were last changed; its stored counts do not touch it.' })
  updatedAt!: Date;
}

/** Shows an enrollment; student and course are field resolvers. */
@ObjectType('Enrollment', { description: 'One student in one course, at most once.' })
export class EnrollmentType {
  @Field(() => ID, { description: 'The number of the enrollment.' })
  id!: number;

  @Field(() => EnrollmentStatus, { description: 'The state of the enrollment.' })
  status!: EnrollmentStatus;

  @Field(() => GraphQLDateTime, { description: 'When the student enrolled.' })
  enrolledAt!: Date;

  @Field(() => GraphQLDateTime, { description: 'When it was last changed.' })
  updatedAt!: Date;
}

/** Shows a computed count. */
@Directive(PUBLIC)
@ObjectType('Count', { description: 'A computed count. AT_LEAST: counting stopped at the limit.' })
export class CountType {
  @Field(() => Int, { description: 'The rows counted.' })
  count!: number;

  @Field(() => CountPrecision, { description: 'Whether that is all of them.' })
  precision!: CountPrecision;
}

/** Shows how many enrollments have one status. */
@Directive(PUBLIC)
@ObjectType('EnrollmentStatusCount', { description: 'How many enrollments have a status.' })
export class EnrollmentStatusCountType {
  @Field(() => EnrollmentStatus, { description: 'The status.' })
  status!: EnrollmentStatus;

  @Field(() => Int, { description: 'The enrollments that have it.' })
  count!: number;
}

/** Shows what a caller can fix. */
@ObjectType('UserError', { description: 'What the caller can fix.' })
export class UserErrorType {
  @Field(() => [String], {
    nullable: true,
    description: 'The path of the argument, with the index in lists; null: no single one.',
  })
  field!: readonly string[] | null;

  @Field(() => String, { description: 'What is wrong, with the value, and what to do.' })
  message!: string;

  @Field(() => UserErrorCode, { description: 'The kind of the mistake, for programs.' })
  code!: UserErrorCode;
}
