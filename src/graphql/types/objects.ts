import { GraphQLDateTime } from 'graphql-scalars';
import { Directive, Field, ID, ObjectType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus, Role, storedCounts, type Key } from '../../entities/index.js';
import { UserErrorCode } from '../../use-cases/outcome.js';
import { PUBLIC } from '../cache-hints.js';
import { Int } from '../int.js';
import { CountPrecision } from './enums.js';

/** A user; `email` and the lists are field resolvers. */
@Directive(PUBLIC)
@ObjectType('User', { simpleResolvers: true, description: 'A student, a teacher or an admin.' })
export class UserType {
  @Field(() => ID, { description: 'The id of the user, which is the `sub` of the tokens.' })
  id!: Key;

  @Field(() => String, { description: 'The full name.' })
  name!: string;

  @Field(() => Role, { description: 'The role of the user.' })
  role!: Role;
}

/** A course; relations and computed counts are field resolvers, and the stored counts follow from the declarations. */
@Directive(PUBLIC)
@ObjectType('Course', {
  simpleResolvers: true,
  description: 'A course, with stored counts that are exact at every commit.',
})
export class CourseType {
  @Field(() => ID, { description: 'The id of the course.' })
  id!: Key;

  @Field(() => String, { description: 'The title, which need not be unique.' })
  title!: string;

  @Field(() => String, { nullable: true, description: 'The description of the course.' })
  description!: string | null;

  @Field(() => CourseStatus, { description: 'The stage of the course.' })
  status!: CourseStatus;

  @Field(() => Boolean, { description: 'Whether everybody can see it.' })
  isPublished!: boolean;

  @Field(() => Int, { nullable: true, description: 'The highest number of ACTIVE enrollments; null: no limit.' })
  capacity!: number | null;

  @Field(() => GraphQLDateTime, { description: 'When the course was created.' })
  createdAt!: Date;

  @Field(() => GraphQLDateTime, {
    description: 'When its data were last changed; changes of stored counts do not count.',
  })
  updatedAt!: Date;
}

for (const { counter, description } of storedCounts)
  Field(() => Int, { description })(CourseType.prototype, counter.into);

/** An enrollment; student and course are field resolvers. */
@ObjectType('Enrollment', {
  simpleResolvers: true,
  description: 'The enrollment of a student in a course; a student is in a course at most once.',
})
export class EnrollmentType {
  @Field(() => ID, { description: 'The id of the enrollment.' })
  id!: Key;

  @Field(() => EnrollmentStatus, { description: 'The state of the enrollment.' })
  status!: EnrollmentStatus;

  @Field(() => GraphQLDateTime, { description: 'When the student enrolled.' })
  enrolledAt!: Date;

  @Field(() => GraphQLDateTime, { description: 'When it was last changed.' })
  updatedAt!: Date;
}

/** A computed count. */
@Directive(PUBLIC)
@ObjectType('Count', { simpleResolvers: true, description: 'A computed count.' })
export class CountType {
  @Field(() => Int, { description: 'The number of rows that were counted.' })
  count!: number;

  @Field(() => CountPrecision, { description: 'Whether these are all rows.' })
  precision!: CountPrecision;
}

/** The computed count of enrollments with one status. */
@Directive(PUBLIC)
@ObjectType('EnrollmentStatusCount', {
  simpleResolvers: true,
  description: 'The number of enrollments with one status.',
})
export class EnrollmentStatusCountType {
  @Field(() => EnrollmentStatus, { description: 'The status.' })
  status!: EnrollmentStatus;

  @Field(() => Int, { description: 'The number of enrollments with this status.' })
  count!: number;
}

/** A mistake that a caller can fix. */
@ObjectType('UserError', { simpleResolvers: true, description: 'A mistake that the caller can fix.' })
export class UserErrorType {
  @Field(() => [String], {
    nullable: true,
    description: 'The path of the argument, with the index in lists; null: no single argument is the cause.',
  })
  field!: readonly string[] | null;

  @Field(() => String, { description: 'What is wrong, with the value, and what to do.' })
  message!: string;

  @Field(() => UserErrorCode, { description: 'The kind of the mistake, for programs.' })
  code!: UserErrorCode;
}
