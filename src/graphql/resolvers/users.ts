import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Args, Ctx, Directive, FieldResolver, Info, Mutation, Query, Resolver, Root } from 'type-graphql';
import { Role } from '../../entities/index.js';
import { createUser, deleteUser } from '../../use-cases/users.js';
import type { EnrollmentRow, UserRow } from '../../reading/index.js';
import { PRIVATE } from '../cache-hints.js';
import type { Context } from '../context.js';
import { nestedEnrollmentConnection } from '../lists/enrollment-lists.js';
import { idOf } from '../ids.js';
import { EnrollmentPageArgs } from '../inputs/filters.js';
import { CreateUserInput, DeleteUserInput } from '../inputs/mutations.js';
import type { Connection } from '../lists/pagination.js';
import { EnrollmentConnection } from '../types/connections.js';
import { UserType } from '../types/objects.js';
import { DeletePayload, UserPayload } from '../types/payloads.js';

/** The resolvers of users: the viewer, mutations and relations. */
@Resolver(() => UserType)
export class UserResolver {
  @Directive(PRIVATE)
  @Query(() => UserType, {
    nullable: true,
    description: 'The viewer; null: the viewer is anonymous, or the token belongs to no user.',
  })
  me(@Ctx() { viewer, loaders }: Context): Promise<UserRow | null> | null {
    return viewer?.userId == null ? null : loaders.user.load(viewer.userId);
  }

  @Directive(PRIVATE)
  @FieldResolver(() => String, {
    nullable: true,
    description: 'The email address; null unless the viewer is this user or an admin.',
  })
  email(@Root() { id, email }: UserRow, @Ctx() { viewer }: Context): string | null {
    return viewer && (viewer.role === Role.ADMIN || viewer.userId === id) ? email : null;
  }

  @Directive(PRIVATE)
  @FieldResolver(() => EnrollmentConnection.type, {
    description: 'The enrollments of the user that the viewer sees.',
  })
  enrollments(
    @Root() { id }: UserRow,
    @Ctx() context: Context,
    @Args(() => EnrollmentPageArgs) args: EnrollmentPageArgs,
    @Info() info: GraphQLResolveInfo,
  ): Promise<Connection<EnrollmentRow>> {
    return nestedEnrollmentConnection(context, 'student_id', id, args, info);
  }

  @Mutation(() => UserPayload, { description: 'Creates a user. Allowed for admins.' })
  async createUser(
    @Ctx() { database, viewer, loaders, tell }: Context,
    @Arg('input', () => CreateUserInput, { description: 'The new user.' }) input: CreateUserInput,
  ): Promise<UserPayload> {
    const { value, problems } = await createUser(database, viewer, input);
    return { user: value && (await loaders.user.load(value.id)), userErrors: tell(problems) };
  }

  @Mutation(() => DeletePayload, {
    description: 'Deletes a user together with the enrollments, and updates every count. Allowed for admins.',
  })
  async deleteUser(
    @Ctx() { database, viewer, loaders, tell }: Context,
    @Arg('input', () => DeleteUserInput, { description: 'The user to delete.' }) input: DeleteUserInput,
  ): Promise<DeletePayload> {
    const { value, problems } = await deleteUser(database, viewer, () => ({
      id: idOf(database, 'users', input.id, 'input.id'),
    }));
    loaders.forget();
    return { deletedId: value?.id ?? null, userErrors: tell(problems) };
  }
}
