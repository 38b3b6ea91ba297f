import type { GraphQLError } from 'graphql';
import { Arg, Ctx, ID, Resolver, Root, Subscription } from 'type-graphql';
import {
  SubscriptionRefused,
  type CourseCountsChange,
  type CourseCountsSubscription,
} from '../../live-counts/index.js';
import { TokenError } from '../../access/token-error.js';
import type { Context } from '../context.js';
import { codedError, tokenErrorCode } from '../errors/errors.js';
import { idsOf } from '../ids.js';
import { costOfFirstMessages } from '../costs/query-cost.js';
import { CourseCountsChangeType } from '../types/live-counts.js';

/** The resolver of the subscription to stored counts. */
@Resolver()
export class LiveCountsResolver {
  @Subscription(() => CourseCountsChangeType, {
    complexity: costOfFirstMessages,
    description:
      'The stored counts of courses: first the present counts, in one message for each course, then new counts after each commit that changes them, at most a few times a second for one course. Use server-sent events at /graphql/stream, or the protocol graphql-transport-ws at /graphql.',
    subscribe: ({ args, context }) => subscribe(context as Context, args as { courseIds?: string[] | null }),
  })
  courseCountsChanged(
    @Root() change: CourseCountsChange | Error | undefined,
    @Ctx() { loaders }: Context,
    @Arg('courseIds', () => [ID], {
      nullable: true,
      description: 'The courses, 1,000 at most; without it, all courses that the viewer sees, including later ones.',
    })
    _courseIds?: string[] | null,
  ): CourseCountsChange {
    if (!change) throw elsewhere();
    // If the last value is an error, the subscriber gets it in a message like the others.
    if (change instanceof TokenError) throw codedError(tokenErrorCode(change), change.message);
    if (change instanceof Error) throw change;
    // Data that were read for the previous message may have changed.
    loaders.forget();
    return change;
  }
}

async function subscribe(
  { live, database }: Context,
  { courseIds }: { courseIds?: string[] | null },
): Promise<CourseCountsSubscription> {
  if (!live) throw elsewhere();
  try {
    return await live.counts.subscribe(live.subscriber, idsOf(database, 'courses', courseIds, 'courseIds') ?? null);
  } catch (error) {
    if (!(error instanceof SubscriptionRefused)) throw error;
    throw codedError(error.code, error.message, error.argument);
  }
}

function elsewhere(): GraphQLError {
  return codedError(
    'BAD_REQUEST',
    'Subscriptions are served by server-sent events at /graphql/stream, and by WebSocket (graphql-transport-ws) at /graphql.',
  );
}
