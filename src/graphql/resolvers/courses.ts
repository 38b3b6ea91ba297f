import { getArgumentValues, type GraphQLObjectType, type GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, Directive, FieldResolver, ID, Info, Mutation, Query, Resolver, Root } from 'type-graphql';
import { Course, EnrollmentStatus } from '../../entities/index.js';
import { createCourse, deleteCourse, updateCourse } from '../../use-cases/courses.js';
import {
  courseCount,
  coursePage,
  coursesById,
  type CourseRow,
  type EnrollmentRow,
  type UserRow,
} from '../../reading/index.js';
import { PRIVATE } from '../cache-hints.js';
import type { Context } from '../context.js';
import { badUserInput } from '../errors/errors.js';
import { askedFields, isAskedFor } from '../lists/asked-fields.js';
import { nestedEnrollmentConnection } from '../lists/enrollment-lists.js';
import { idOf, optionalIdOf } from '../ids.js';
import { courseFilterOf, courseOrderingOf, CoursePageArgs, EnrollmentPageArgs } from '../inputs/filters.js';
import { CreateCourseInput, DeleteCourseInput, UpdateCourseInput } from '../inputs/mutations.js';
import { Int } from '../int.js';
import { connectionOf, pageRequest, type Connection } from '../lists/pagination.js';
import { presentOne } from '../lists/present-enrollments.js';
import { costOfComputed } from '../costs/query-cost.js';
import { CourseConnection, EnrollmentConnection } from '../types/connections.js';
import { CountType, CourseType, EnrollmentStatusCountType, EnrollmentType, UserType } from '../types/objects.js';
import { requireKnownStatuses } from '../unknown-values.js';
import { CoursePayload, DeletePayload } from '../types/payloads.js';

/** The resolvers of courses: their queries, mutations, relations and computed counts. */
@Resolver(() => CourseType)
export class CourseResolver {
  @Query(() => CourseType, {
    nullable: true,
    description: 'A course; null: it does not exist, or the viewer may not see it.',
  })
  async course(
    @Ctx() { database, viewer, selected, loaders }: Context,
    @Arg('id', () => ID, { description: 'The course.' }) id: string,
    @Info() info: GraphQLResolveInfo,
  ): Promise<CourseRow | null> {
    const teachers = isAskedFor(info, ['instructor']) ? loaders.joinedUsers() : undefined;
    return (await coursesById(database, viewer, [idOf(database, 'courses', id, 'id')], selected(Course), teachers))[0]!;
  }

  @Query(() => CourseConnection.type, {
    description: 'The courses that the viewer sees; for an anonymous viewer, the published ones.',
  })
  async courses(
    @Ctx() { database, viewer, selected, loaders }: Context,
    @Args(() => CoursePageArgs) args: CoursePageArgs,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<CourseRow>> {
    const order = courseOrderingOf(database, args.orderBy);
    const filter = courseFilterOf(database, args.filter);
    const properties = selected(Course);
    const limit = properties?.has('enrollmentsCount') ? askedLimit(info) : undefined;
    const counts = limit === undefined ? undefined : loaders.joinedCounts(limit);
    const page = await coursePage(database, viewer, filter, order, pageRequest(args, order), properties, counts);
    return connectionOf(page, order, () => courseCount(database, viewer, filter));
  }

  @FieldResolver(() => UserType, { nullable: true, description: 'The teacher of the course.' })
  instructor(
    @Root() { instructorId }: CourseRow,
    @Ctx() { loaders }: Context,
  ): Promise<UserRow | null> | UserRow | null {
    return instructorId === null ? null : loaders.user.get(instructorId);
  }

  @FieldResolver(() => CountType, {
    complexity: costOfComputed,
    description: 'A count computed from the rows now, in one statement for all courses of a request.',
  })
  enrollmentsCount(
    @Root() { id }: CourseRow,
    @Ctx() { loaders }: Context,
    @Arg('status', () => [EnrollmentStatus], {
      nullable: true,
      description: 'Only enrollments with one of these statuses; all without it.',
    })
    status?: EnrollmentStatus[] | null,
    @Arg('limit', () => Int, {
      nullable: true,
      defaultValue: 10_000,
      description: 'The number at which counting stops; null: count all.',
    })
    limit: number | null = 10_000,
  ): Promise<CountType> {
    if (limit !== null && limit < 1) throw badUserInput('limit', `${limit} is not at least 1; null counts all.`);
    return loaders.count({ status: status ? [...new Set(status)] : null, limit }).load(id);
  }

  @FieldResolver(() => [EnrollmentStatusCountType], {
    complexity: costOfComputed,
    description: 'Counts computed now: one entry for each status, including zeros.',
  })
  async enrollmentsByStatus(
    @Root() { id }: CourseRow,
    @Ctx() { loaders }: Context,
  ): Promise<EnrollmentStatusCountType[]> {
    const counts = await loaders.countsByStatus.load(id);
    requireKnownStatuses(id, counts);
    return Object.values(EnrollmentStatus).map(status => ({ status, count: counts.get(status) ?? 0 }));
  }

  @Directive(PRIVATE)
  @FieldResolver(() => EnrollmentConnection.type, {
    description: 'The enrollments in the course that the viewer sees.',
  })
  enrollments(
    @Root() { id }: CourseRow,
    @Ctx() context: Context,
    @Args(() => EnrollmentPageArgs) args: EnrollmentPageArgs,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<EnrollmentRow>> {
    return nestedEnrollmentConnection(context, 'course_id', id, args, info);
  }

  @Directive(PRIVATE)
  @FieldResolver(() => EnrollmentType, { nullable: true, description: "The viewer's own enrollment in the course." })
  async viewerEnrollment(
    @Root() { id }: CourseRow,
    @Ctx() context: Context,
    @Info() info: GraphQLResolveInfo,
  ): Promise<EnrollmentRow | null> {
    const found = await context.loaders.viewerEnrollment.load(id);
    return found && presentOne(context, found, info);
  }

  @Mutation(() => CoursePayload, {
    description: 'Creates a course. Allowed for teachers (their own courses) and admins.',
  })
  async createCourse(
    @Ctx() { database, viewer, loaders, tell }: Context,
    @Arg('input', () => CreateCourseInput, { description: 'The new course.' }) input: CreateCourseInput,
  ): Promise<CoursePayload> {
    const { value, problems } = await createCourse(database, viewer, () => ({
      ...input,
      instructorId: optionalIdOf(database, 'users', input.instructorId, 'input.instructorId'),
    }));
    return { course: value && (await loaders.course.load(value.id)), userErrors: tell(problems) };
  }

  @Mutation(() => CoursePayload, {
    description: 'Changes a course. Allowed for teachers (their own courses) and admins.',
  })
  async updateCourse(
    @Ctx() { database, viewer, loaders, tell }: Context,
    @Arg('input', () => UpdateCourseInput, { description: 'The changes.' }) input: UpdateCourseInput,
  ): Promise<CoursePayload> {
    const { value, problems } = await updateCourse(database, viewer, () => ({
      ...input,
      id: idOf(database, 'courses', input.id, 'input.id'),
      instructorId: optionalIdOf(database, 'users', input.instructorId, 'input.instructorId'),
    }));
    loaders.forget();
    return { course: value && (await loaders.course.load(value.id)), userErrors: tell(problems) };
  }

  @Mutation(() => DeletePayload, { description: 'Deletes a course together with its enrollments. Allowed for admins.' })
  async deleteCourse(
    @Ctx() { database, viewer, loaders, tell }: Context,
    @Arg('input', () => DeleteCourseInput, { description: 'The course to delete.' }) input: DeleteCourseInput,
  ): Promise<DeletePayload> {
    const { value, problems } = await deleteCourse(database, viewer, () => ({
      id: idOf(database, 'courses', input.id, 'input.id'),
    }));
    loaders.forget();
    return { deletedId: value?.id ?? null, userErrors: tell(problems) };
  }
}

/** Returns the valid limit of a computed count of all statuses that is selected for the courses of a page, if one is. */
function askedLimit(info: GraphQLResolveInfo): number | null | undefined {
  const { enrollmentsCount } = (info.schema.getType('Course') as GraphQLObjectType).getFields();
  const all = [['nodes'], ['edges', 'node']]
    .flatMap(path => askedFields(info, [...path, 'enrollmentsCount']))
    .map(node => getArgumentValues(enrollmentsCount!, node, info.variableValues))
    .find(({ status, limit }) => status == null && (limit === null || Number(limit) > 0));
  return all && (all['limit'] as number | null);
}
