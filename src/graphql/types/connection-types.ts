import { Directive, Field, FieldResolver, ObjectType, Resolver, Root } from 'type-graphql';
import { PUBLIC } from '../cache-hints.js';
import { Int } from '../int.js';
import type { Sorted } from '../lists/cursors.js';
import { edgesOf, pageInfoOf, type Connection } from '../lists/pagination.js';

/** The position of a page in its list. */
@Directive(PUBLIC)
@ObjectType('PageInfo', { simpleResolvers: true, description: 'The position of a page in its list.' })
class PageInfoType {
  @Field(() => Boolean, { description: 'Whether there are entries after this page.' })
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'Whether there are entries before this page.' })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true, description: 'The cursor of the first entry; null on an empty page.' })
  startCursor!: string | null;

  @Field(() => String, { nullable: true, description: 'The cursor of the last entry; null on an empty page.' })
  endCursor!: string | null;
}

/** The entries of a list. */
interface Listed {
  /** The name of the type of an entry; the names of the types of its lists begin with it. */
  readonly name: string;
  readonly type: abstract new () => object;
  /** The noun for an entry, in the singular with its article, and in the plural. */
  readonly article: 'A' | 'An';
  readonly entry: string;
  readonly entries: string;
  /** What `totalCount` counts. */
  readonly counted: string;
  /** Whether everybody sees the same. */
  readonly isPublic: boolean;
}

/** The types of a list's pages: the connection, for fields that return it, and the resolver of its fields. */
export interface ConnectionTypes {
  readonly type: abstract new () => object;
  readonly resolver: new () => object;
}

/** Returns the types of a list's pages, as Relay's connections have them: the connection, its edges, and its fields. */
export function connectionTypes<Row extends Sorted>(listed: Listed): ConnectionTypes {
  const { name, type, article, entry, entries, counted, isPublic } = listed;
  const CacheHint: ClassDecorator = isPublic ? Directive(PUBLIC) : () => undefined;

  @CacheHint
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: `${article} ${entry} in a list.` })
  class Edge {
    @Field(() => String, { description: 'The cursor of the entry: its place in the list.' })
    cursor!: string;

    @Field(() => type, { description: `The ${entry}.` })
    node!: Row;
  }

  @CacheHint
  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: `A page of ${entries}.` })
  class ConnectionType {
    @Field(() => PageInfoType, { description: 'The position of the page in the list.' })
    pageInfo!: PageInfoType;
  }

  @Resolver(() => ConnectionType)
  class ConnectionResolver {
    @FieldResolver(() => [type], { description: `The ${entries} of the page.` })
    nodes(@Root() { shown }: Connection<Row>): readonly Row[] {
      return shown;
    }

    @FieldResolver(() => [Edge], { description: `The ${entries} of the page with their cursors.` })
    edges(@Root() connection: Connection<Row>): { cursor: string; node: Row }[] {
      return edgesOf(connection);
    }

    @FieldResolver(() => PageInfoType, { description: 'The position of the page in the list.' })
    pageInfo(@Root() connection: Connection<Row>): PageInfoType {
      return pageInfoOf(connection);
    }

    @FieldResolver(() => Int, { description: `${counted}, on every page. Counted only if selected.` })
    totalCount(@Root() connection: Connection<Row>): Promise<number> {
      return connection.count();
    }
  }

  return { type: ConnectionType, resolver: ConnectionResolver };
}
