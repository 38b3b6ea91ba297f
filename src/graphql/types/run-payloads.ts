import { Field, ObjectType } from 'type-graphql';
import { Int } from '../int.js';
import { UserErrorType } from './objects.js';
import { userErrors } from './payloads.js';
import { DriftType, RecountRunType } from './runs.js';

/** Answers verifyEnrollmentCounts. */
@ObjectType('VerifyEnrollmentCountsPayload', { description: 'What a verify found.' })
export class VerifyEnrollmentCountsPayload {
  @Field(() => Boolean, { description: 'Whether all that was asked for was verified, and nothing drifts.' })
  ok!: boolean;

  @Field(() => Int, { description: 'The courses that were verified.' })
  checked!: number;

  @Field(() => Int, {
    description:
      'How many stored counts drift in all; where these are more than `drifts` lists, a dry run of recountEnrollments records every one of them.',
  })
  driftCount!: number;

  @Field(() => [DriftType], { description: 'The stored counts that drift, by course, the first 10,000 of them.' })
  drifts!: readonly unknown[];

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** Answers a mutation of one run. */
@ObjectType('RecountPayload', { description: 'The run afterwards.' })
export class RecountPayload {
  @Field(() => RecountRunType, {
    nullable: true,
    description: 'The run: at its end, or as far as it is; null: see userErrors.',
  })
  run!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}
