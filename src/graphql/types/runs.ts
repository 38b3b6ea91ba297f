import { GraphQLDateTime } from 'graphql-scalars';
import { Field, ID, ObjectType } from 'type-graphql';
import { RunKind, RunStatus, type Key } from '../../entities/index.js';
import { Int } from '../int.js';

/** A run; the run that it undoes and its changes are field resolvers. */
@ObjectType('RecountRun', { simpleResolvers: true, description: 'A recorded recount, or the undo of one.' })
export class RecountRunType {
  @Field(() => ID, { description: 'The id of the run.' })
  id!: number;

  @Field(() => RunKind, { description: 'The kind of the run.' })
  kind!: RunKind;

  @Field(() => RunStatus, { description: 'The state of the run; FAILED also if it was interrupted.' })
  status!: RunStatus;

  @Field(() => Boolean, {
    description:
      'Whether the process that worked on the run died. Resume the run to continue it from where it stopped.',
  })
  interrupted!: boolean;

  @Field(() => Boolean, { description: 'Whether the run only records what it would change.' })
  dryRun!: boolean;

  @Field(() => String, { description: 'Who started the run: a user, or the name of a command or schedule.' })
  startedBy!: string;

  @Field(() => String, {
    description: 'The process that works on the run, or was the last to do so: host, process id and a unique name.',
  })
  owner!: string;

  @Field(() => GraphQLDateTime, {
    description: 'When the run was started, by the clock of the database, like all times of a run.',
  })
  startedAt!: Date;

  @Field(() => GraphQLDateTime, { description: 'When its process last reported progress.' })
  updatedAt!: Date;

  @Field(() => GraphQLDateTime, { nullable: true, description: 'When the run finished; null: it has not.' })
  finishedAt!: Date | null;

  @Field(() => [ID], { nullable: true, description: 'The ids of the courses in scope, ascending; null: all courses.' })
  courseIds!: readonly Key[] | null;

  @Field(() => Int, { nullable: true, description: 'The number of courses in each chunk; null: sized by time.' })
  batchSize!: number | null;

  @Field(() => Int, { description: 'The pause after each chunk and each repair, in milliseconds.' })
  throttle!: number;

  @Field(() => Int, { description: 'The number of courses in scope; for an undo, of changes to undo.' })
  total!: number;

  @Field(() => Int, { description: 'The number of courses checked so far; for an undo, of changes processed.' })
  checked!: number;

  @Field(() => Int, { description: 'The number of drifting courses; for an undo, 0.' })
  drifted!: number;

  @Field(() => Int, { description: 'The number of repaired courses, 0 in a dry run; for an undo, of undone changes.' })
  repaired!: number;

  @Field(() => String, {
    nullable: true,
    description: 'The error that ended the run, or the changes that could not be undone, and what to do; null: none.',
  })
  error!: string | null;
}

/** A change that a run recorded; its course is a field resolver. */
@ObjectType('RecountChange', {
  simpleResolvers: true,
  description: 'A stored count that a run changed or, in a dry run, would change.',
})
export class RecountChangeType {
  @Field(() => String, { description: 'The counter, such as Course.totalEnrollments.' })
  counter!: string;

  @Field(() => ID, { description: 'The id of the course, which may have been deleted since.' })
  courseId!: Key;

  @Field(() => Int, { description: 'The stored count before.' })
  before!: number;

  @Field(() => Int, { description: 'The stored count afterwards.' })
  after!: number;
}

/** A drifting stored count; its course is a field resolver. */
@ObjectType('Drift', {
  simpleResolvers: true,
  description: 'A stored count that differs from the actual count of the rows.',
})
export class DriftType {
  @Field(() => String, { description: 'The counter, such as Course.totalEnrollments.' })
  counter!: string;

  @Field(() => Int, { description: 'The stored count, in the column.' })
  stored!: number;

  @Field(() => Int, { description: 'The actual count of the rows, in the same snapshot.' })
  actual!: number;

  @Field(() => Int, { description: 'The difference stored − actual, never 0.' })
  drift!: number;
}
