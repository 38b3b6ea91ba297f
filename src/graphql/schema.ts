import 'reflect-metadata';
import type { GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import { isAsShown } from '../entities/index.js';
import { mapParts, type DatabaseMap } from '../map/map-form.js';
import { mappedTable } from '../map/mapped-table.js';
import { CourseResolver } from './resolvers/courses.js';
import { EnrollmentResolver } from './resolvers/enrollments.js';
import { LiveCountsResolver } from './resolvers/live-counts.js';
import { RecountChangeResolver, RunResolver } from './resolvers/runs.js';
import { UserResolver } from './resolvers/users.js';
import { VerifyResolver } from './resolvers/verify.js';
import { withReadyCounts } from './ready-counts.js';
import { describeRootTypes } from './root-types.js';
import { connectionResolvers } from './types/connections.js';
import { withShownKeys, withUnknownValues } from './unknown-values.js';

let built: GraphQLSchema | undefined;
let builtForMaps: GraphQLSchema | undefined;
let builtForOtherKeys: GraphQLSchema | undefined;

/**
 * Returns the executable schema, which is built once in a process, since it depends on no configuration; but for a
 * database that a map describes, fields of its rows are nullable, and UUIDs are shown with hyphens.
 */
export function graphqlSchema(map: DatabaseMap | null = null): GraphQLSchema {
  if (map !== null) {
    const hasOthers = mapParts.some(part => !isAsShown(mappedTable(map, part).keys));
    if (hasOthers) return (builtForOtherKeys ??= withShownKeys(withUnknownValues(buildGraphqlSchema())));
    return (builtForMaps ??= withUnknownValues(buildGraphqlSchema()));
  }
  return (built ??= buildGraphqlSchema());
}

function buildGraphqlSchema(): GraphQLSchema {
  const schema = buildSchemaSync({
    resolvers: [
      CourseResolver,
      EnrollmentResolver,
      UserResolver,
      VerifyResolver,
      LiveCountsResolver,
      RunResolver,
      RecountChangeResolver,
      ...connectionResolvers,
    ],
    // The use cases check inputs, and return userErrors instead of a single failure.
    validate: false,
    // Apollo Server checks the schema when it starts. This check would run the whole introspection query before that.
    skipCheck: true,
    // Required where there are subscriptions, but not used: ours has its own source.
    pubSub: { publish: noTopics, subscribe: noTopics },
  });
  return withReadyCounts(describeRootTypes(schema));
}

function noTopics(topic: string): never {
  throw new Error(`There is no topic "${topic}": a subscription takes its changes from its own source.`);
}
