import { Arg, Ctx, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import { isUnsafeNumber } from 'mikro-orm-counters';
import type { CourseRow } from '../../reading/index.js';
import { done, rejected } from '../../use-cases/outcome.js';
import { verifyCounts, type CourseCount } from '../../recounts/verify-counts.js';
import type { Context } from '../context.js';
import { codedError } from '../errors/errors.js';
import { idsOf } from '../ids.js';
import { VerifyEnrollmentCountsInput } from '../inputs/runs.js';
import { CourseType } from '../types/objects.js';
import { VerifyEnrollmentCountsPayload } from '../types/run-payloads.js';
import { DriftType } from '../types/runs.js';

/** The most drifts in one answer: a whole table of drifting courses would not fit in memory. */
const MAX_SHOWN_DRIFTS = 10_000;

/** The results so far. */
interface VerifyResults {
  checked: number;
  driftCount: number;
  readonly drifts: CourseCount[];
}

/** The resolvers of verify, and of the course of each drift that it finds. */
@Resolver(() => DriftType)
export class VerifyResolver {
  @Mutation(() => VerifyEnrollmentCountsPayload, {
    description:
      'Finds every drift of these courses, or of all; changes nothing. It blocks no writer, and does not report concurrent changes as drift. Allowed for admins.',
  })
  async verifyEnrollmentCounts(
    @Ctx() context: Context,
    @Arg('input', () => VerifyEnrollmentCountsInput, {
      nullable: true,
      description: 'The courses; all without it.',
    })
    input?: VerifyEnrollmentCountsInput | null,
  ): Promise<VerifyEnrollmentCountsPayload> {
    const { database, viewer, loaders, runs } = context;
    const sum: VerifyResults = { checked: 0, driftCount: 0, drifts: [] };
    const { value, problems } = await runs.verifications.do(viewer, async () => {
      const { value: verification, problems: refusals } = await verifyCounts(database, viewer, () => ({
        courseIds: idsOf(database, 'courses', input?.courseIds, 'input.courseIds'),
      }));
      loaders.forget();
      if (!verification) return rejected(...refusals);
      try {
        for await (const { checked, counts } of verification.chunks) {
          sum.checked += checked;
          sum.driftCount += counts.length;
          sum.drifts.push(...counts.slice(0, MAX_SHOWN_DRIFTS - sum.drifts.length));
        }
      } catch (error) {
        // The message tells an admin where the number is, and what to do.
        throw isUnsafeNumber(error) ? codedError('UNSAFE_NUMBER', error.message) : error;
      }
      return done(await withPresentCourses(context, sum), refusals);
    });
    const { checked, driftCount, drifts } = value ?? { checked: 0, driftCount: 0, drifts: [] };
    return {
      ok: problems.length === 0 && driftCount === 0,
      checked,
      driftCount,
      drifts,
      userErrors: context.tell(problems),
    };
  }

  @FieldResolver(() => CourseType, {
    description: 'The course in its present state; its stored count may have changed since.',
  })
  course(@Root() { courseId }: CourseCount, @Ctx() { loaders }: Context): Promise<CourseRow | null> {
    return loaders.course.load(courseId);
  }
}

/** Returns the results without the drifts of courses that were deleted after they were verified. */
async function withPresentCourses({ loaders }: Context, sum: VerifyResults): Promise<VerifyResults> {
  const courses = await Promise.all(sum.drifts.map(({ courseId }) => loaders.course.load(courseId)));
  const drifts = sum.drifts.filter((_, index) => courses[index]);
  return { ...sum, driftCount: sum.driftCount - (sum.drifts.length - drifts.length), drifts };
}
