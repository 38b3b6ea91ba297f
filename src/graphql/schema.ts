import 'reflect-metadata';
import type { GraphQLSchema } from 'graphql';
import { buildSchemaSync } from 'type-graphql';
import { CourseResolver } from './resolvers/courses.js';
import { EnrollmentResolver } from './resolvers/enrollments.js';
import { RecountChangeResolver, RunResolver } from './resolvers/runs.js';
import { UserResolver } from './resolvers/users.js';
import { VerifyResolver } from './resolvers/verify.js';
import { CourseConnectionResolver, EnrollmentConnectionResolver } from './types/connections.js';
import { RecountChangeConnectionResolver, RecountRunConnectionResolver } from './types/run-connections.js';

/** Builds the executable schema. Inputs are checked by the services, which give userErrors rather than one failure. */
export function buildGraphqlSchema(): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [
      CourseResolver,
      EnrollmentResolver,
      UserResolver,
      VerifyResolver,
      RunResolver,
      RecountChangeResolver,
      CourseConnectionResolver,
      EnrollmentConnectionResolver,
      RecountRunConnectionResolver,
      RecountChangeConnectionResolver,
    ],
    validate: false,
  });
}
