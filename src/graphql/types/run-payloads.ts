import { Field, ObjectType } from 'type-graphql';
import { Int } from '../int.js';
import { UserErrorType } from './objects.js';
import { userErrors } from './payloads.js';
import { DriftType, RecountRunType } from './runs.js';

/** The payload of verifyEnrollmentCounts. */
@ObjectType('VerifyEnrollmentCountsPayload', { simpleResolvers: true, description: 'The results of a verify.' })
export class VerifyEnrollmentCountsPayload {
  @Field(() => Boolean, { description: 'Whether all requested courses were verified, and none drifts.' })
  ok!: boolean;

  @Field(() => Int, { description: 'The number of courses that were verified.' })
  checked!: number;

  @Field(() => Int, {
    description:
      'The number of drifting stored counts. If it is higher than the length of `drifts`, a dry run of recountEnrollments records all of them.',
  })
  driftCount!: number;

  @Field(() => [DriftType], {
    description: 'The drifting stored counts, in the order of their courses, at most 10,000.',
  })
  drifts!: readonly unknown[];

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}

/** The payload of mutations of one run. */
@ObjectType('RecountPayload', { simpleResolvers: true, description: 'The run afterwards.' })
export class RecountPayload {
  @Field(() => RecountRunType, {
    nullable: true,
    description: 'The run, finished or at work; null: see userErrors.',
  })
  run!: unknown;

  @Field(() => [UserErrorType], { description: userErrors })
  userErrors!: readonly UserErrorType[];
}
