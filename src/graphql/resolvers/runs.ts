import { Arg, Args, Ctx, FieldResolver, ID, Mutation, Query, Resolver, Root } from 'type-graphql';
import type { Outcome } from '../../use-cases/outcome.js';
import type { CourseRow } from '../../reading/index.js';
import {
  cancelRun,
  inOrder,
  newestFirst,
  pauseRun,
  resumeRun,
  runById,
  runCount,
  runPage,
  startRecount,
  startUndo,
  type RecordedChange,
  type Run,
} from '../../recounts/index.js';
import type { Context } from '../context.js';
import { idsOf, runIdOf } from '../ids.js';
import { RecountEnrollmentsInput, RunInput } from '../inputs/runs.js';
import { connectionOf, PageArgs, pageRequest, type Connection } from '../lists/pagination.js';
import { CourseType } from '../types/objects.js';
import { RecountChangeConnection, RecountRunConnection } from '../types/connections.js';
import { RecountPayload } from '../types/run-payloads.js';
import { RecountChangeType, RecountRunType } from '../types/runs.js';

const RUN_ARGUMENT = { description: 'Which run.' };

/** The resolvers of runs: their queries, mutations and relations. */
@Resolver(() => RecountRunType)
export class RunResolver {
  @Query(() => RecountRunType, { nullable: true, description: 'A run; null: it does not exist. Allowed for admins.' })
  async recountRun(
    @Ctx() { database, viewer }: Context,
    @Arg('id', () => ID, { description: 'The run.' }) id: string,
  ): Promise<Run | null> {
    return runById(database, viewer, () => ({ id: runIdOf(id, 'id') }));
  }

  @Query(() => RecountRunConnection.type, { description: 'The runs, newest first. Allowed for admins.' })
  async recountRuns(
    @Ctx() { database, viewer }: Context,
    @Args(() => PageArgs) args: PageArgs,
  ): Promise<Connection<Run>> {
    const page = await runPage(database, viewer, () => pageRequest(args, newestFirst));
    return connectionOf(page, newestFirst, () => runCount(database, viewer));
  }

  @FieldResolver(() => RecountRunType, {
    nullable: true,
    description: 'The run whose changes this one undoes; null: this run is a recount.',
  })
  undoneRun(@Root() { undoneRunId }: Run, @Ctx() { loaders }: Context): Promise<Run | null> | null {
    return undoneRunId === null ? null : loaders.run.load(undoneRunId);
  }

  @FieldResolver(() => RecountChangeConnection.type, {
    description: 'The changes that the run made or, in a dry run, would make, in order.',
  })
  async changes(
    @Root() { id }: Run,
    @Ctx() { loaders }: Context,
    @Args(() => PageArgs) args: PageArgs,
  ): Promise<Connection<RecordedChange>> {
    const page = await loaders.changes(pageRequest(args, inOrder)).load(id);
    return connectionOf(page, inOrder, () => loaders.changeCount.load(id));
  }

  @Mutation(() => RecountPayload, {
    description:
      'Starts a run that repairs drift, and returns it: finished if that took less than two seconds; otherwise RUNNING, and it continues in the server, so query the run until it has finished. Rejected while another run works on the same courses. Allowed for admins.',
  })
  async recountEnrollments(
    @Ctx() context: Context,
    @Arg('input', () => RecountEnrollmentsInput, {
      nullable: true,
      description: 'The courses and the options; all courses without it.',
    })
    input?: RecountEnrollmentsInput | null,
  ): Promise<RecountPayload> {
    const { database, viewer, runs } = context;
    return payload(
      context,
      runs.start(() =>
        startRecount(database, viewer, () => ({
          ...input,
          courseIds: idsOf(database, 'courses', input?.courseIds, 'input.courseIds'),
        })),
      ),
    );
  }

  @Mutation(() => RecountPayload, {
    description:
      'Pauses a run: after the answer it changes nothing more, whichever server works on it. Allowed for admins.',
  })
  async pauseRecount(
    @Ctx() context: Context,
    @Arg('input', () => RunInput, RUN_ARGUMENT) input: RunInput,
  ): Promise<RecountPayload> {
    return payload(
      context,
      runAfter(
        context,
        pauseRun(context.database, context.viewer, () => idIn(input)),
      ),
    );
  }

  @Mutation(() => RecountPayload, {
    description:
      'Resumes a run that is PAUSED or FAILED from where it stopped, and returns it as recountEnrollments does. Allowed for admins.',
  })
  async resumeRecount(
    @Ctx() context: Context,
    @Arg('input', () => RunInput, RUN_ARGUMENT) input: RunInput,
  ): Promise<RecountPayload> {
    const { database, viewer, runs } = context;
    return payload(
      context,
      runs.start(() => resumeRun(database, viewer, () => idIn(input))),
    );
  }

  @Mutation(() => RecountPayload, {
    description: 'Ends a run for good before it has finished. Its changes stay, and can be undone. Allowed for admins.',
  })
  async cancelRecount(
    @Ctx() context: Context,
    @Arg('input', () => RunInput, RUN_ARGUMENT) input: RunInput,
  ): Promise<RecountPayload> {
    return payload(
      context,
      runAfter(
        context,
        cancelRun(context.database, context.viewer, () => idIn(input)),
      ),
    );
  }

  @Mutation(() => RecountPayload, {
    description:
      'Undoes the changes of a run, one by one (stored −= after − before), as a run of its own, and returns that as recountEnrollments does. Allowed for admins.',
  })
  async undoRecount(
    @Ctx() context: Context,
    @Arg('input', () => RunInput, RUN_ARGUMENT) input: RunInput,
  ): Promise<RecountPayload> {
    const { database, viewer, runs } = context;
    return payload(
      context,
      runs.start(() => startUndo(database, viewer, () => idIn(input))),
    );
  }
}

/** The resolver of the course of a change. */
@Resolver(() => RecountChangeType)
export class RecountChangeResolver {
  @FieldResolver(() => CourseType, {
    nullable: true,
    description: 'The course in its present state; null: it was deleted.',
  })
  course(@Root() { courseId }: RecordedChange, @Ctx() { loaders }: Context): Promise<CourseRow | null> {
    return loaders.course.load(courseId);
  }
}

function idIn(input: RunInput): { id: number } {
  return { id: runIdOf(input.id, 'input.id') };
}

/** Returns a run as it is after a change of its state. */
async function runAfter(
  { database, viewer }: Context,
  outcome: Promise<Outcome<{ id: number }>>,
): Promise<Outcome<Run>> {
  const { value, problems } = await outcome;
  return { value: value && (await runById(database, viewer, value)), problems };
}

async function payload({ loaders, tell }: Context, outcome: Promise<Outcome<Run>>): Promise<RecountPayload> {
  const { value, problems } = await outcome;
  // What the same request read before may have been changed.
  loaders.forget();
  return { run: value, userErrors: tell(problems) };
}
