import { Directive, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';
import type { CourseRow, EnrollmentRow } from '../../reading/index.js';
import { PUBLIC } from '../cache-hints.js';
import { Int } from '../int.js';
import { edgesOf, pageInfoOf, type Connection } from '../lists/pagination.js';
import { CourseType, EnrollmentType } from './objects.js';

/** Shows where a page stands among all. */
@Directive(PUBLIC)
@ObjectType('PageInfo', { description: 'Where a page stands among all.' })
export class PageInfoType {
  @Field(() => Boolean, { description: 'Whether there is more after this page.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'Whether there is more before this page.' })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'The cursor of the first entry; null on an empty page.' })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: 'The cursor of the last entry; null on an empty page.' })
  endCursor!: string | null;
}

/** Shows a course in a list. */
@Directive(PUBLIC)
@ObjectType('CourseEdge', { description: 'A course in a list.' })
export class CourseEdgeType {
  @Field(() => String, { description: 'Its place in the list.' })
  cursor!: string;

  @Field(() => CourseType, { description: 'The course.' })
  node!: CourseType;
}

/** Shows a page of courses. */
@Directive(PUBLIC)
@ObjectType('CourseConnection', { description: 'A page of courses.' })
export class CourseConnectionType {
  @Field(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo!: PageInfoType;
}

/** Shows an enrollment in a list. */
@ObjectType('EnrollmentEdge', { description: 'An enrollment in a list.' })
export class EnrollmentEdgeType {
  @Field(() => String, { description: 'Its place in the list.' })
  cursor!: string;

  @Field(() => EnrollmentType, { description: 'The enrollment.' })
  node!: EnrollmentType;
}

/** Shows a page of enrollments. */
@ObjectType('EnrollmentConnection', { description: 'A page of enrollments.' })
export class EnrollmentConnectionType {
  @Field(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo!: PageInfoType;
}

/** Resolves a page of courses. */
@Resolver(() => CourseConnectionType)
export class CourseConnectionResolver {
  @FieldResolver(() => [CourseType], { description: 'The courses themselves.' })
  nodes(@Root() { shown }: Connection<CourseRow>): readonly CourseRow[] {
    return shown;
  }

  @FieldResolver(() => [CourseEdgeType], { description: 'The courses with their cursors.' })
  edges(@Root() connection: Connection<CourseRow>): { cursor: string; node: CourseRow }[] {
    return edgesOf(connection);
  }

  @FieldResolver(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo(@Root() connection: Connection<CourseRow>): PageInfoType {
    return pageInfoOf(connection);
  }

  @FieldResolver(() => Int, { description: 'All that match, on every page; counted only when selected.' })
  totalCount(@Root() connection: Connection<CourseRow>): Promise<number> {
    return connection.count();
  }
}

/** Resolves a page of enrollments. */
@Resolver(() => EnrollmentConnectionType)
export class EnrollmentConnectionResolver {
  @FieldResolver(() => [EnrollmentType], { description: 'The enrollments themselves.' })
  nodes(@Root() { shown }: Connection<EnrollmentRow>): readonly EnrollmentRow[] {
    return shown;
  }

  @FieldResolver(() => [EnrollmentEdgeType], { description: 'The enrollments with their cursors.' })
  edges(@Root() connection: Connection<EnrollmentRow>): { cursor: string; node: EnrollmentRow }[] {
    return edgesOf(connection);
  }

  @FieldResolver(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo(@Root() connection: Connection<EnrollmentRow>): PageInfoType {
    return pageInfoOf(connection);
  }

  @FieldResolver(() => Int, { description: 'All that match, on every page; counted only when selected.' })
  totalCount(@Root() connection: Connection<EnrollmentRow>): Promise<number> {
    return connection.count();
  }
}
