import { Field, ID, InputType } from 'type-graphql';
import { Int } from '../int.js';

/** The input of verifyEnrollmentCounts. */
@InputType('VerifyEnrollmentCountsInput', { description: 'The courses to verify.' })
export class VerifyEnrollmentCountsInput {
  @Field(() => [ID], { nullable: true, description: 'The courses, 5,000 at most; all without it.' })
  courseIds?: string[] | null;
}

/** The input of recountEnrollments. */
@InputType('RecountEnrollmentsInput', { description: 'The courses to recount, and the options of the run.' })
export class RecountEnrollmentsInput {
  @Field(() => [ID], { nullable: true, description: 'The courses, 5,000 at most; all without it.' })
  courseIds?: string[] | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Whether the run only records what it would change.',
  })
  dryRun?: boolean | null;

  @Field(() => Int, {
    nullable: true,
    description: 'The number of courses in each chunk, from 1 to 10,000; sized by time without it.',
  })
  batchSize?: number | null;

  @Field(() => Int, {
    nullable: true,
    description: 'The pause after each chunk and each repair, in milliseconds, 60,000 at most; none without it.',
  })
  throttle?: number | null;
}

/** The input of mutations of one run. */
@InputType('RunInput', { description: 'A run.' })
export class RunInput {
  @Field(() => ID, { description: 'The run.' })
  id!: string;
}
