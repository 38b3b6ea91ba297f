import { GraphQLDateTime } from 'graphql-scalars';
import { Field, ID, ObjectType } from 'type-graphql';
import { RunKind, RunStatus } from '../../entities/index.js';
import { Int } from '../int.js';

/** Shows a run; the run that it undoes and its changes are field resolvers. */
@ObjectType('RecountRun', { description: 'One recorded recount, or the undoing of one.' })
export class RecountRunType {
  @Field(() => ID, { description: 'The number of the run.' })
  id!: number;

  @Field(() => RunKind, { description: 'What the run does.' })
  kind!: RunKind;

  @Field(() => RunStatus, { description: 'Where the run stands; FAILED also where it was interrupted.' })
  status!: RunStatus;

  @Field(() => Boolean, {
    description:
      'Whether the process that worked on it went away without a word. Resume the run to go on where it was.',
  })
  interrupted!: boolean;

  @Field(() => Boolean, { description: 'Whether the run only tells what it would change.' })
  dryRun!: boolean;

  @Field(() => String, { description: 'Who asked: a user, or the name of a command or schedule.' })
  startedBy!: string;

  @Field(() => String, {
    description: 'The process that works on the run, or was the last to: host, process id and a name of its own.',
  })
  owner!: string;

  @Field(() => GraphQLDateTime, {
    description: 'When the run was started, by the clock of the database, as all moments of a run.',
  })
  startedAt!: Date;

  @Field(() => GraphQLDateTime, { description: 'When it last gave a sign of life.' })
  updatedAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true, description: 'When it came to its end; null: it has not.' })
  finishedAt!: Date | null;

  @Field(() => [ID], { nullable: true, description: 'The courses in scope, ascending; null: all.' })
  courseIds!: readonly number[] | null;

  @Field(() => Int, { nullable: true, description: 'The courses of each chunk; null: sized by time.' })
  batchSize!: number | null;

  @Field(() => Int, { description: 'The pause after each chunk and each repair, in milliseconds.' })
  throttle!: number;

  @Field(() => Int, { description: 'Courses in scope; for an undoing, changes to take back.' })
  total!: number;

  @Field(() => Int, { description: 'Courses checked so far; for an undoing, changes that were dealt with.' })
  checked!: number;

  @Field(() => Int, { description: 'Courses found drifting; for an undoing, 0.' })
  drifted!: number;

  @Field(() => Int, { description: 'Courses repaired, none in a dry run; for an undoing, changes taken back.' })
  repaired!: number;

  @Field(() => String, {
    nullable: true,
    description: 'What ended the run before its time, or could not be taken back, and what to do; null: nothing.',
  })
  error!: string | null;
}

/** Shows one change that a run recorded; its course is a field resolver. */
@ObjectType('RecountChange', { description: 'One stored count that a run changed or, in a dry run, would change.' })
export class RecountChangeType {
  @Field(() => String, { description: 'The counter, such as Course.totalEnrollments.' })
  counter!: string;

  @Field(() => ID, { description: 'The number of the course, which may have been deleted since.' })
  courseId!: number;

  @Field(() => Int, { description: 'What was stored before.' })
  before!: number;

  @Field(() => Int, { description: 'What is stored afterwards.' })
  after!: number;
}

/** Shows one stored count that is wrong; its course is a field resolver. */
@ObjectType('Drift', { description: 'One stored count that is not what the rows give.' })
export class DriftType {
  @Field(() => String, { description: 'The counter, such as Course.totalEnrollments.' })
  counter!: string;

  @Field(() => Int, { description: 'The number in the column.' })
  stored!: number;

  @Field(() => Int, { description: 'The number that the rows gave in the same snapshot.' })
  actual!: number;

  @Field(() => Int, { description: 'Stored − actual, never 0.' })
  drift!: number;
}
