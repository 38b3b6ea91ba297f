import { Field, ID, InputType } from 'type-graphql';
import { Int } from '../int.js';

/** Says what to verify. */
@InputType('VerifyEnrollmentCountsInput', { description: 'What to verify.' })
export class VerifyEnrollmentCountsInput {
  @Field(() => [ID], { nullable: true, description: 'The courses, 5,000 at most; all without it.' })
  courseIds?: string[] | null;
}

/** Says what to recount and how. */
@InputType('RecountEnrollmentsInput', { description: 'What to recount and how.' })
export class RecountEnrollmentsInput {
  @Field(() => [ID], { nullable: true, description: 'The courses, 5,000 at most; all without it.' })
  courseIds?: string[] | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Whether only to record what would be changed.',
  })
  dryRun?: boolean | null;

  @Field(() => Int, {
    nullable: true,
    description: 'The courses of each chunk, from 1 to 10,000; sized by time without it.',
  })
  batchSize?: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'The pause after each chunk and each repair, in milliseconds, 60,000 at most; none without it.',
  })
  throttle?: number | null;
}

/** Says which run is meant. */
@InputType('RunInput', { description: 'Which run.' })
export class RunInput {
  @Field(() => ID, { description: 'The run.' })
  id!: string;
}
