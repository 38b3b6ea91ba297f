import { Arg, Ctx, FieldResolver, Mutation, Resolver, Root } from 'type-graphql';
import type { CourseRow } from '../../services/reader/index.js';
import { verifyCounts, type CourseCount, type Verification } from '../../services/verify-counts.js';
import type { Context } from '../context.js';
import { idsOf } from '../ids.js';
import { VerifyEnrollmentCountsInput } from '../inputs/runs.js';
import { CourseType } from '../types/objects.js';
import { VerifyEnrollmentCountsPayload } from '../types/run-payloads.js';
import { DriftType } from '../types/runs.js';

/** Limits the drifts that one answer lists: a whole table of courses that drift would not fit in memory. */
const MOST_DRIFTS = 10_000;

/** Is what was found so far. */
interface Found {
  checked: number;
  driftCount: number;
  readonly drifts: CourseCount[];
}

/** Resolves verify, and the course of each drift that it finds. */
@Resolver(() => DriftType)
export class VerifyResolver {
  @Mutation(() => VerifyEnrollmentCountsPayload, { description: 'Read only: every drift among these courses, or among all. Nobody who writes is held up or taken for drift. Admins.' })
  async verifyEnrollmentCounts(
    @Ctx() context: Context,
    @Arg('input', () => VerifyEnrollmentCountsInput, { nullable: true, description: 'Which courses; without it, all of them.' }) input?: VerifyEnrollmentCountsInput | null,
  ): Promise<VerifyEnrollmentCountsPayload> {
    const { database, viewer, loaders } = context;
    const { value, problems } = await verifyCounts(database, viewer, () => ({ courseIds: idsOf(input?.courseIds, 'input.courseIds') }));
    loaders.forget();
    const { checked, driftCount, drifts } = value ? await found(context, value) : { checked: 0, driftCount: 0, drifts: [] };
    return { ok: problems.length === 0 && driftCount === 0, checked, driftCount, drifts, userErrors: context.tell(problems) };
  }

  @FieldResolver(() => CourseType, { description: 'The course as it is now; its stored count may have changed since.' })
  course(@Root() { courseId }: CourseCount, @Ctx() { loaders }: Context): Promise<CourseRow | null> {
    return loaders.course.load(courseId);
  }
}

async function found(context: Context, { chunks }: Verification): Promise<Found> {
  const sum: Found = { checked: 0, driftCount: 0, drifts: [] };
  for await (const { checked, counts } of chunks) {
    sum.checked += checked;
    sum.driftCount += counts.length;
    sum.drifts.push(...counts.slice(0, MOST_DRIFTS - sum.drifts.length));
  }
  const drifts = await ofPresentCourses(context, sum.drifts);
  return { ...sum, driftCount: sum.driftCount - (sum.drifts.length - drifts.length), drifts };
}

/** Leaves out the drifts of courses that were deleted since they were verified: they are gone with them. */
async function ofPresentCourses({ loaders }: Context, drifts: readonly CourseCount[]): Promise<CourseCount[]> {
  const courses = await Promise.all(drifts.map(({ courseId }) => loaders.course.load(courseId)));
  return drifts.filter((_, index) => courses[index]);
}
