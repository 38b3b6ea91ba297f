import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, FieldResolver, ID, Info, Mutation, Query, Resolver, Root } from 'type-graphql';
import { enroll, enrollMany, setEnrollmentStatus, transferEnrollment, unenroll } from '../../use-cases/enrollments.js';
import { Course, Enrollment, type Key } from '../../entities/index.js';
import { signedIn } from '../../access/access.js';
import { coursesById, enrollmentsById, type CourseRow, type EnrollmentRow, type UserRow } from '../../reading/index.js';
import type { Context } from '../context.js';
import { isAskedFor, type AskedIn } from '../lists/asked-fields.js';
import { enrollmentConnection } from '../lists/enrollment-lists.js';
import { idOf, idsOf, optionalIdOf } from '../ids.js';
import { EnrollmentPageArgs } from '../inputs/filters.js';
import {
  EnrollInput,
  EnrollManyInput,
  SetEnrollmentStatusInput,
  TransferEnrollmentInput,
  UnenrollInput,
} from '../inputs/mutations.js';
import type { Connection } from '../lists/pagination.js';
import { presentAt, presentOne } from '../lists/present-enrollments.js';
import { costOfEnrollMany } from '../costs/query-cost.js';
import { EnrollmentConnection } from '../types/connections.js';
import { CourseType, EnrollmentType, UserType } from '../types/objects.js';
import { EnrollManyPayload, EnrollPayload, TransferEnrollmentPayload, UnenrollPayload } from '../types/payloads.js';

/** The resolvers of enrollments: their queries, mutations and relations. */
@Resolver(() => EnrollmentType)
export class EnrollmentResolver {
  @Query(() => EnrollmentType, {
    nullable: true,
    description: 'An enrollment; null: it does not exist, or the viewer may not see it.',
  })
  async enrollment(
    @Ctx() context: Context,
    @Arg('id', () => ID, { description: 'The enrollment.' }) id: string,
    @Info() info: GraphQLResolveInfo,
  ): Promise<EnrollmentRow | null> {
    const { database, viewer, selected } = context;
    const [found] = await enrollmentsById(
      database,
      signedIn(viewer),
      [idOf(database, 'enrollments', id, 'id')],
      selected(Enrollment),
    );
    return found ? presentOne(context, found, info) : null;
  }

  @Query(() => EnrollmentConnection.type, {
    description:
      'The enrollments that the viewer sees: students their own, teachers those of their courses, admins all.',
  })
  enrollments(
    @Ctx() context: Context,
    @Args(() => EnrollmentPageArgs) args: EnrollmentPageArgs,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<EnrollmentRow>> {
    return enrollmentConnection(context, args, info);
  }

  @FieldResolver(() => UserType, { description: 'The student who is enrolled.' })
  student(@Root() { studentId }: EnrollmentRow, @Ctx() { loaders }: Context): Promise<UserRow | null> | UserRow | null {
    return loaders.user.get(studentId);
  }

  @FieldResolver(() => CourseType, { description: 'The course.' })
  course(
    @Root() { courseId }: EnrollmentRow,
    @Ctx() { loaders }: Context,
  ): Promise<CourseRow | null> | CourseRow | null {
    return loaders.course.get(courseId);
  }

  @Mutation(() => EnrollPayload, {
    description:
      'Enrolls one student. Students enroll themselves; teachers of the course and admins enroll any student.',
  })
  async enroll(
    @Ctx() context: Context,
    @Arg('input', () => EnrollInput, { description: 'The student and the course.' }) input: EnrollInput,
    @Info() info: GraphQLResolveInfo,
  ): Promise<EnrollPayload> {
    const { value, problems } = await enroll(context.database, context.viewer, () => ({
      studentId: optionalIdOf(context.database, 'users', input.studentId, 'input.studentId'),
      courseId: idOf(context.database, 'courses', input.courseId, 'input.courseId'),
    }));
    context.loaders.forget();
    return {
      enrollment: value && (await presentOne(context, value.enrollment, info, 'enrollment')),
      course: value && (await courseAfter(context, value.enrollment.courseId, info, 'course')),
      userErrors: context.tell(problems),
    };
  }

  @Mutation(() => EnrollManyPayload, {
    complexity: costOfEnrollMany,
    description:
      'Enrolls many students. Those who can be enrolled are enrolled; each of the others gets a userError. Allowed for teachers of the course and admins.',
  })
  async enrollMany(
    @Ctx() context: Context,
    @Arg('input', () => EnrollManyInput, { description: 'The students and the course.' }) input: EnrollManyInput,
    @Info() info: GraphQLResolveInfo,
  ): Promise<EnrollManyPayload> {
    const { value, problems } = await enrollMany(context.database, context.viewer, () => ({
      courseId: idOf(context.database, 'courses', input.courseId, 'input.courseId'),
      studentIds: idsOf(context.database, 'users', input.studentIds, 'input.studentIds')!,
    }));
    context.loaders.forget();
    const ids = value?.ids ?? [];
    const found =
      ids.length === 0
        ? []
        : (await enrollmentsById(context.database, signedIn(context.viewer), ids, context.selected(Enrollment))).filter(
            one => one !== null,
          );
    return {
      enrollments: [...(await presentAt(context, found, info, 'enrollments'))],
      course: value && (await courseAfter(context, value.courseId, info, 'course')),
      userErrors: context.tell(problems),
    };
  }

  @Mutation(() => EnrollPayload, {
    description:
      'Sets the status of an enrollment; ACTIVE takes a seat. Allowed for teachers of the course and admins.',
  })
  async setEnrollmentStatus(
    @Ctx() context: Context,
    @Arg('input', () => SetEnrollmentStatusInput, { description: 'The enrollment and its new status.' })
    input: SetEnrollmentStatusInput,
    @Info() info: GraphQLResolveInfo,
  ): Promise<EnrollPayload> {
    const { value, problems } = await setEnrollmentStatus(context.database, context.viewer, () => ({
      enrollmentId: idOf(context.database, 'enrollments', input.enrollmentId, 'input.enrollmentId'),
      status: input.status,
    }));
    context.loaders.forget();
    return {
      enrollment: value && (await presentOne(context, value.enrollment, info, 'enrollment')),
      course: value && (await courseAfter(context, value.enrollment.courseId, info, 'course')),
      userErrors: context.tell(problems),
    };
  }

  @Mutation(() => TransferEnrollmentPayload, {
    description: 'Moves an enrollment to another course. Allowed for teachers of both courses and admins.',
  })
  async transferEnrollment(
    @Ctx() context: Context,
    @Arg('input', () => TransferEnrollmentInput, { description: 'The enrollment and its new course.' })
    input: TransferEnrollmentInput,
    @Info() info: GraphQLResolveInfo,
  ): Promise<TransferEnrollmentPayload> {
    const { value, problems } = await transferEnrollment(context.database, context.viewer, () => ({
      enrollmentId: idOf(context.database, 'enrollments', input.enrollmentId, 'input.enrollmentId'),
      courseId: idOf(context.database, 'courses', input.courseId, 'input.courseId'),
    }));
    context.loaders.forget();
    return {
      enrollment: value && (await presentOne(context, value.enrollment, info, 'enrollment')),
      from: value && (await courseAfter(context, value.from, info, 'from')),
      to: value && (await courseAfter(context, value.enrollment.courseId, info, 'to')),
      userErrors: context.tell(problems),
    };
  }

  @Mutation(() => UnenrollPayload, {
    description: 'Deletes an enrollment. Students delete their own; teachers of the course and admins delete any.',
  })
  async unenroll(
    @Ctx() context: Context,
    @Arg('input', () => UnenrollInput, { description: 'The enrollment to delete.' }) input: UnenrollInput,
    @Info() info: GraphQLResolveInfo,
  ): Promise<UnenrollPayload> {
    const { value, problems } = await unenroll(context.database, context.viewer, () => ({
      enrollmentId: idOf(context.database, 'enrollments', input.enrollmentId, 'input.enrollmentId'),
    }));
    context.loaders.forget();
    return {
      deletedId: value?.id ?? null,
      course: value && (await courseAfter(context, value.courseId, info, 'course')),
      userErrors: context.tell(problems),
    };
  }
}

/**
 * Returns a course as the viewer sees it after a mutation; null: the viewer no longer sees it, or the field is not
 * selected.
 */
async function courseAfter(
  { database, viewer, selected }: Context,
  id: Key,
  info: AskedIn,
  field: string,
): Promise<CourseRow | null> {
  return isAskedFor(info, [field]) ? (await coursesById(database, viewer, [id], selected(Course)))[0]! : null;
}
