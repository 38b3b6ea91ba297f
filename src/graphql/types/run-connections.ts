import { Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';
import type { RecordedChange, Run } from '../../recounts/index.js';
import { Int } from '../int.js';
import { edgesOf, pageInfoOf, type Connection } from '../lists/pagination.js';
import { PageInfoType } from './connections.js';
import { RecountChangeType, RecountRunType } from './runs.js';

/** Shows a run in a list. */
@ObjectType('RecountRunEdge', { description: 'A run in a list.' })
export class RecountRunEdgeType {
  @Field(() => String, { description: 'Its place in the list.' })
  cursor!: string;

  @Field(() => RecountRunType, { description: 'The run.' })
  node!: RecountRunType;
}

/** Shows a page of runs. */
@ObjectType('RecountRunConnection', { description: 'A page of runs.' })
export class RecountRunConnectionType {
  @Field(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo!: PageInfoType;
}

/** Shows a change in a list. */
@ObjectType('RecountChangeEdge', { description: 'A change in a list.' })
export class RecountChangeEdgeType {
  @Field(() => String, { description: 'Its place in the list.' })
  cursor!: string;

  @Field(() => RecountChangeType, { description: 'The change.' })
  node!: RecountChangeType;
}

/** Shows a page of changes. */
@ObjectType('RecountChangeConnection', { description: 'A page of changes.' })
export class RecountChangeConnectionType {
  @Field(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo!: PageInfoType;
}

/** Resolves a page of runs. */
@Resolver(() => RecountRunConnectionType)
export class RecountRunConnectionResolver {
  @FieldResolver(() => [RecountRunType], { description: 'The runs themselves.' })
  nodes(@Root() { shown }: Connection<Run>): readonly Run[] {
    return shown;
  }

  @FieldResolver(() => [RecountRunEdgeType], { description: 'The runs with their cursors.' })
  edges(@Root() connection: Connection<Run>): { cursor: string; node: Run }[] {
    return edgesOf(connection);
  }

  @FieldResolver(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo(@Root() connection: Connection<Run>): PageInfoType {
    return pageInfoOf(connection);
  }

  @FieldResolver(() => Int, { description: 'All runs, on every page; counted only when selected.' })
  totalCount(@Root() connection: Connection<Run>): Promise<number> {
    return connection.count();
  }
}

/** Resolves a page of changes. */
@Resolver(() => RecountChangeConnectionType)
export class RecountChangeConnectionResolver {
  @FieldResolver(() => [RecountChangeType], { description: 'The changes themselves.' })
  nodes(@Root() { shown }: Connection<RecordedChange>): readonly RecordedChange[] {
    return shown;
  }

  @FieldResolver(() => [RecountChangeEdgeType], { description: 'The changes with their cursors.' })
  edges(@Root() connection: Connection<RecordedChange>): { cursor: string; node: RecordedChange }[] {
    return edgesOf(connection);
  }

  @FieldResolver(() => PageInfoType, { description: 'Where the page stands among all.' })
  pageInfo(@Root() connection: Connection<RecordedChange>): PageInfoType {
    return pageInfoOf(connection);
  }

  @FieldResolver(() => Int, { description: 'All changes of the run, on every page; counted only when selected.' })
  totalCount(@Root() connection: Connection<RecordedChange>): Promise<number> {
    return connection.count();
  }
}
