import { Field, ID, ObjectType } from 'type-graphql';
import { CourseType, EnrollmentType, UserErrorType, UserType } from './objects.js';

/** The description of the errors of a mutation. */
export const userErrors = 'What the caller can fix; empty when all that was asked is done.';

/** Answers a mutation of one enrollment. */
@ObjectType('EnrollPayload', { description: 'The enrollment and its course afterwards.' })
export class EnrollPayload {
  @Field(() => EnrollmentType, { nullable: true, description: 'The enrollment; null: see userErrors.' })
  enrollment!: unknown;

  @Field(() => CourseType, { nullable: true, description: 'The course, with its counts afterwards.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers enrollMany. */
@ObjectType('EnrollManyPayload', { description: 'The enrollments and their course afterwards.' })
export class EnrollManyPayload {
  @Field(() => [EnrollmentType], { description: 'The new enrollments, in the order of the input.' })
  enrollments!: readonly unknown[];

  @Field(() => CourseType, { nullable: true, description: 'The course, with its counts afterwards.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers transferEnrollment. */
@ObjectType('TransferEnrollmentPayload', { description: 'The enrollment and both courses afterwards.' })
export class TransferEnrollmentPayload {
  @Field(() => EnrollmentType, { nullable: true, description: 'The enrollment; null: see userErrors.' })
  enrollment!: unknown;

  @Field(() => CourseType, { nullable: true, description: 'The course that it left.' })
  from!: unknown;

  @Field(() => CourseType, { nullable: true, description: 'The course that it came to.' })
  to!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers unenroll. */
@ObjectType('UnenrollPayload', { description: 'The id that is gone and the course afterwards.' })
export class UnenrollPayload {
  @Field(() => ID, { nullable: true, description: 'The enrollment that is gone; null: see userErrors.' })
  deletedId!: number | null;

  @Field(() => CourseType, { nullable: true, description: 'The course, with its counts afterwards.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers a mutation of one course. */
@ObjectType('CoursePayload', { description: 'The course afterwards.' })
export class CoursePayload {
  @Field(() => CourseType, { nullable: true, description: 'The course; null: see userErrors.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers a mutation of one user. */
@ObjectType('UserPayload', { description: 'The user afterwards.' })
export class UserPayload {
  @Field(() => UserType, { nullable: true, description: 'The user; null: see userErrors.' })
  user!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers a deletion. */
@ObjectType('DeletePayload', { description: 'The id that is gone.' })
export class DeletePayload {
  @Field(() => ID, { nullable: true, description: 'What is gone; null: see userErrors.' })
  deletedId!: number | null;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}
