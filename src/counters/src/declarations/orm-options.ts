import type { Configuration, MetadataDiscoveryOptions, Options } from '@mikro-orm/core';
import { CounterError } from '../errors.js';
import { DeclaredCounters } from './registry.js';

/**
 * What an option of MikroORM means to the counters:
 *
 * - `none`: it has no part in what is written, so none in what is counted;
 * - `exact`: it changes how rows are written or read, and whatever it says, counts are exact or the write is refused;
 * - `shared`: withCounters() sets it too, and what the application sets stays in force;
 * - a function: the reason against a value that would make counts wrong; undefined for any other value.
 */
type Meaning = 'none' | 'exact' | 'shared' | ((value: unknown) => string | undefined);

type SchemaGeneratorOptions = Options['schemaGenerator'];

/**
 * All options of MikroORM. Those of `discovery` and `schemaGenerator` follow below; where another one is an object, its
 * parts mean the same.
 */
export const ormOptions: Readonly<Record<keyof Options, Meaning>> = {
  // The connection.
  dbName: 'none',
  name: 'none',
  clientUrl: 'none',
  host: 'none',
  port: 'none',
  user: 'none',
  password: 'none',
  charset: 'exact',
  collate: 'exact',
  schema: 'exact',
  multipleStatements: 'none',
  pool: 'exact',
  driver: 'exact',
  driverOptions: 'exact',
  onCreateConnection: 'exact',
  onReserveConnection: 'exact',
  attachDatabases: 'exact',
  ensureDatabase: 'exact',
  timezone: 'exact',
  forceUtcTimezone: 'exact',
  sessionContext: 'exact',
  onQuery: 'exact',
  // Counting reads what the flush writes, from the same database.
  replicas: 'exact',
  preferReadReplicas: 'exact',
  // Transactions. Where one is missing, the flush is refused.
  implicitTransactions: 'exact',
  disableTransactions: value =>
    value
      ? 'no transaction would keep rows and counts together. Leave it out; a fork of the entity manager may have it, whose flushes still have a transaction each'
      : undefined,
  flushMode: 'exact',
  // The entity manager.
  entityManager: 'shared',
  entityRepository: 'exact',
  context: 'exact',
  contextName: 'none',
  allowGlobalContext: 'exact',
  subscribers: value =>
    [...(value as Iterable<unknown>)].filter(one => one instanceof DeclaredCounters).length > 1
      ? 'counters are declared in two calls of withCounters(), of which only one would be guarded. Declare all of them in one'
      : undefined,
  extensions: 'shared',
  disableIdentityMap: 'exact',
  // How rows are written.
  useBatchInserts: 'exact',
  useBatchUpdates: 'exact',
  batchSize: 'exact',
  processOnCreateHooksEarly: 'exact',
  validateRequired: 'exact',
  persistOnCreate: 'exact',
  upsertManaged: 'exact',
  assign: 'exact',
  propagationOnPrototype: 'exact',
  // Which values entities have.
  forceEntityConstructor: 'exact',
  forceUndefined: 'exact',
  initNullableProperties: 'exact',
  populateAfterFlush: 'exact',
  hydrator: 'exact',
  compiledFunctions: 'exact',
  resultCache: 'exact',
  // Which rows are found.
  filters: 'exact',
  filtersOnRelations: 'exact',
  autoJoinOneToOneOwner: 'exact',
  autoJoinRefsForFilters: 'exact',
  ignoreUndefinedInQuery: 'exact',
  loadStrategy: 'exact',
  dataloader: 'exact',
  populateWhere: 'exact',
  findOneOrFailHandler: 'none',
  findExactlyOneOrFailHandler: 'none',
  serialization: 'none',
  // What the entities are, and their tables.
  entities: 'exact',
  entitiesTs: 'exact',
  discovery: 'exact',
  namingStrategy: 'exact',
  embeddables: 'exact',
  metadataProvider: 'exact',
  metadataCache: 'exact',
  schemaGenerator: 'shared',
  // SQL that the application has written itself, which only triggers see.
  routines: 'none',
  migrations: 'none',
  seeder: 'none',
  // Tools and messages.
  ensureIndexes: 'none',
  entityGenerator: 'none',
  verbose: 'none',
  debug: 'none',
  logger: 'none',
  loggerFactory: 'none',
  slowQueryThreshold: 'none',
  slowQueryLoggerFactory: 'none',
  colors: 'none',
  highlighter: 'none',
  ignoreDeprecations: 'none',
  preferEnvVars: 'none',
  preferTs: 'none',
  baseDir: 'none',
  dynamicImportProvider: 'none',
};

/** The options of the discovery of entities, whose result is examined: see CounterRegistry. */
export const discoveryOptions: Readonly<Record<keyof MetadataDiscoveryOptions, Meaning>> = {
  warnWhenNoEntities: 'none',
  checkDuplicateTableNames: 'exact',
  checkDuplicateFieldNames: 'exact',
  checkNonPersistentCompositeProps: 'exact',
  inferDefaultValues: 'exact',
  getMappedType: 'exact',
  onMetadata: 'exact',
  afterDiscovered: 'exact',
  tsConfigPath: 'none',
  skipSyncDiscovery: 'none',
};

/** The options of the schema generator. Those of foreign keys are examined with them: see refuseForeignKeyRules(). */
export const schemaGeneratorOptions: Readonly<Record<keyof SchemaGeneratorOptions, Meaning>> = {
  defaultDeleteRule: 'exact',
  defaultUpdateRule: 'exact',
  createForeignKeyConstraints: 'exact',
  ignoreTriggers: value =>
    value === false ? 'a schema update would drop the triggers, which no entity declares. Leave it out' : undefined,
  disableForeignKeys: 'none',
  disableForeignKeysForClear: 'none',
  ignoreSchema: 'none',
  ignoreRoutines: 'none',
  ignorePolicies: 'none',
  skipTables: 'none',
  skipViews: 'none',
  skipColumns: 'none',
  managementDbName: 'none',
  tableSpace: 'none',
};

/** Refuses options, as MikroORM has resolved them, that would make counts wrong (COUNTER_DECLARATION). */
export function refuseOptions(config: Configuration): void {
  const options = config.getAll();
  refuse('', ormOptions, options);
  refuse('discovery.', discoveryOptions, options.discovery);
  refuse('schemaGenerator.', schemaGeneratorOptions, options.schemaGenerator);
}

function refuse(prefix: string, meanings: Readonly<Record<string, Meaning>>, options: object): void {
  for (const [name, meaning] of Object.entries(meanings)) {
    if (typeof meaning !== 'function') continue;
    const problem = meaning((options as Record<string, unknown>)[name]);
    if (problem) throw new CounterError('COUNTER_DECLARATION', `With the option ${prefix}${name}, ${problem}.`);
  }
}
