import type { Key } from '../../entities/index.js';
import { Field, ID, ObjectType } from 'type-graphql';
import { CourseType, EnrollmentType, UserErrorType, UserType } from './objects.js';

/** The description of the errors of a mutation. */
export const userErrors = 'The mistakes that the caller can fix; empty if everything was done.';

/** The payload of mutations of one enrollment. */
@ObjectType('EnrollPayload', { simpleResolvers: true, description: 'The enrollment and its course afterwards.' })
export class EnrollPayload {
  @Field(() => EnrollmentType, { nullable: true, description: 'The enrollment; null: see userErrors.' })
  enrollment!: unknown;

  @Field(() => CourseType, { nullable: true, description: 'The course, with its counts afterwards.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of enrollMany. */
@ObjectType('EnrollManyPayload', { simpleResolvers: true, description: 'The enrollments and their course afterwards.' })
export class EnrollManyPayload {
  @Field(() => [EnrollmentType], { description: 'The new enrollments, in the order of the input.' })
  enrollments!: readonly unknown[];

  @Field(() => CourseType, { nullable: true, description: 'The course, with its counts afterwards.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of transferEnrollment. */
@ObjectType('TransferEnrollmentPayload', {
  simpleResolvers: true,
  description: 'The enrollment and both courses afterwards.',
})
export class TransferEnrollmentPayload {
  @Field(() => EnrollmentType, { nullable: true, description: 'The enrollment; null: see userErrors.' })
  enrollment!: unknown;

  @Field(() => CourseType, { nullable: true, description: 'The former course.' })
  from!: unknown;

  @Field(() => CourseType, { nullable: true, description: 'The new course.' })
  to!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of unenroll. */
@ObjectType('UnenrollPayload', {
  simpleResolvers: true,
  description: 'The id of the deleted enrollment, and the course afterwards.',
})
export class UnenrollPayload {
  @Field(() => ID, { nullable: true, description: 'The id of the deleted enrollment; null: see userErrors.' })
  deletedId!: Key | null;

  @Field(() => CourseType, { nullable: true, description: 'The course, with its counts afterwards.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of mutations of one course. */
@ObjectType('CoursePayload', { simpleResolvers: true, description: 'The course afterwards.' })
export class CoursePayload {
  @Field(() => CourseType, { nullable: true, description: 'The course; null: see userErrors.' })
  course!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of mutations of one user. */
@ObjectType('UserPayload', { simpleResolvers: true, description: 'The user afterwards.' })
export class UserPayload {
  @Field(() => UserType, { nullable: true, description: 'The user; null: see userErrors.' })
  user!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of deletions. */
@ObjectType('DeletePayload', { simpleResolvers: true, description: 'The id of the deleted object.' })
export class DeletePayload {
  @Field(() => ID, { nullable: true, description: 'The id of the deleted object; null: see userErrors.' })
  deletedId!: Key | null;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}
