import 'reflect-metadata';
import { ReflectMetadataProvider } from '@mikro-orm/decorators/legacy';
import { Migrator } from '@mikro-orm/migrations';
import { SchemaGenerator } from '@mikro-orm/sql';
import { withCounters, type CounterStrategy } from 'mikro-orm-counters';
import { counters, Course, Enrollment, RecountChange, RecountRun, User } from '../entities/index.js';
import { MIGRATIONS_TABLE } from '../migrations/migrations-table.js';
import { driverWithDialect, type Options, type Owner } from './dialects/dialect.js';
import type { DatabaseMap } from '../map/map-form.js';
import { mappedDriver } from './mapped/mapped-driver.js';
import { mappedDiscovery } from './mapped/mapped-metadata.js';
import { dialectOfUrl } from './texts/database-url.js';
import { StatementTracer } from './tracing/statement-tracer.js';

export type { Options };

/**
 * Returns the ORM's options for a database URL, with the counters switched on; with a map, for another application's
 * database; `owner` says whose it is if there is no map.
 */
export async function ormOptions(
  url: string,
  strategy: CounterStrategy = 'hooks',
  map: DatabaseMap | null = null,
  owner: Owner = map === null ? 'ours' : 'change theirs',
): Promise<Options> {
  const dialect = dialectOfUrl(url);
  const { driver: plain, ...own } = await dialect.connections.options(url, owner);
  const driver = driverWithDialect(plain!, dialect);
  return withCounters<Options>(
    {
      ...own,
      ...(map === null
        ? { driver }
        : {
            driver: mappedDriver(driver, map),
            discovery: { ...own.discovery, ...mappedDiscovery(map) },
          }),
      entities: [User, Course, Enrollment, RecountRun, RecountChange],
      metadataProvider: ReflectMetadataProvider,
      extensions: [Migrator, SchemaGenerator],
      migrations: {
        migrationsList: [...dialect.schema.migrations],
        tableName: MIGRATIONS_TABLE,
        snapshot: false,
        transactional: true,
      },
      // Procedures belong to no entity, and one may be the Django app's; a schema update would drop them.
      schemaGenerator: { ignoreRoutines: true },
      // Errors reach the caller completely; MikroORM's own console log would print them a second time.
      logger: () => undefined,
      loggerFactory: options => new StatementTracer(options, dialect.kind),
    },
    counters,
    strategy,
  );
}
