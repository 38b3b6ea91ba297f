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
import { idOf, idsOf } from '../ids.js';
import { RecountEnrollmentsInput, RunInput } from '../inputs/runs.js';
import { connectionOf, PageArgs, pageRequest, type Connection } from '../lists/pagination.js';
import { CourseType } from '../types/objects.js';
import { RecountChangeConnection, RecountRunConnection } from '../types/connections.js';
import { RecountPayload } from '../types/run-payloads.js';
import { RecountChangeType, RecountRunType } from '../types/runs.js';

const RUN_ARGUMENT = { description: 'Which run.' };

/** Resolves runs: their queries, mutations and relations. */
@Resolver(() => RecountRunType)
export class RunResolver {
  @Query(() => RecountRunType, { nullable: true, description: 'One run; null: there is none. Admins.' })
  async recountRun(
    @Ctx() { database, viewer }: Context,
    @Arg('id', () => ID, { description: 'The run.' }) id: string,
  ): Promise<Run | null> {
    return runById(database, viewer, () => ({ id: idOf(id, 'id') }));
  }

  @Query(() => RecountRunConnection.type, { description: 'The runs, newest first. Admins.' })
  async recountRuns(
    @Ctx() { database, viewer }: Context,
    @Args(() => PageArgs) args: PageArgs,
  ): Promise<Connection<Run>> {
    const page = await runPage(database, viewer, () => pageRequest(args, newestFirst));
    return connectionOf(page, newestFirst, () => runCount(database, viewer));
  }

  @FieldResolver(() => RecountRunType, {
    nullable: true,
    description: 'The run whose changes this one takes back; null: it is no undoing.',
  })
  undoneRun(@Root() { undoneRunId }: Run, @Ctx() { loaders }: Context): Promise<Run | null> | null {
    return undoneRunId === null ? null : loaders.run.load(undoneRunId);
  }

  @FieldResolver(() => RecountChangeConnection.type, {
    description: 'What the run changed or, in a dry run, would change, in order.',
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
      'Starts a run that repairs drift, and returns it: finished if that took under two seconds, else RUNNING, to be polled; it goes on in the server. Refused where another run is at work on the same courses. Admins.',
  })
  async recountEnrollments(
    @Ctx() context: Context,
    @Arg('input', () => RecountEnrollmentsInput, {
      nullable: true,
      description: 'Which courses and how; without it, all courses.',
    })
    input?: RecountEnrollmentsInput | null,
  ): Promise<RecountPayload> {
    const { database, viewer, runs } = context;
    return payload(
      context,
      runs.start(() =>
        startRecount(database, viewer, () => ({ ...input, courseIds: idsOf(input?.courseIds, 'input.courseIds') })),
      ),
    );
  }

  @Mutation(() => RecountPayload, {
    description: 'Pauses a run: from the answer on it changes nothing more, whichever server works on it. Admins.',
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
      'Goes on with a run that is PAUSED or FAILED, from where it was, and returns it as recountEnrollments does. Admins.',
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
    description: 'Ends a run for good, before all is done; what it changed stays, and can be undone. Admins.',
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
      'Takes back what the run changed, change by change (stored −= after − before), as a run of its own, and returns that as recountEnrollments does. Admins.',
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

/** Resolves changes: the course of each. */
@Resolver(() => RecountChangeType)
export class RecountChangeResolver {
  @FieldResolver(() => CourseType, { nullable: true, description: 'The course as it is now; null: it was deleted.' })
  course(@Root() { courseId }: RecordedChange, @Ctx() { loaders }: Context): Promise<CourseRow | null> {
    return loaders.course.load(courseId);
  }
}

function idIn(input: RunInput): { id: number } {
  return { id: idOf(input.id, 'input.id') };
}

/** Gives a run as it is after something was done to it. */
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
