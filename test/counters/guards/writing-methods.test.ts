import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Collection } from '@mikro-orm/core';
import { Migration } from '@mikro-orm/migrations';
import { MySqlConnection, MySqlDriver } from '@mikro-orm/mysql';
import { QueryBuilder, SqlEntityManager, SqlEntityRepository } from '@mikro-orm/sql';
import { ControlledTransaction } from 'kysely';
import { describe, expect, it } from 'vitest';

/**
 * Sorts the methods of everything that a caller can write with, those of the present versions and no others: a new
 * version's new method fails here until somebody has looked at what it writes, and has given it its row in the table.
 *
 * `hooks`: what it changes, the next flush writes, and hooks see it. `guarded`: writes without hooks, and is refused
 * where it must be. `inner`: the same, as a part of one of those. `raw`: raw SQL. `gives`: gives another of these
 * objects. `other`: reads, configures or compiles.
 */
interface Sorted {
  readonly methods: abstract new (...parameters: never[]) => unknown;
  readonly hooks?: string;
  readonly guarded?: string;
  readonly inner?: string;
  readonly raw?: string;
  readonly gives?: string;
  readonly other: string;
}

const sorted: Record<string, Sorted> = {
  'the entity manager': {
    methods: SqlEntityManager,
    hooks: 'assign begin commit create flush persist refresh refreshOrFail remove rollback transactional tryFlush',
    guarded: 'clone insert insertMany nativeDelete nativeUpdate upsert upsertMany',
    raw: 'callRoutine execute',
    gives:
      'createQueryBuilder fork getConnection getContext getDriver getKysely getRepository getTransactionContext getUnitOfWork qb repo',
    other: `addFilter applyDiscriminatorCondition applyFilters autoJoinRefsForFilters buildFields cacheKey canPopulate checkLockRequirements clear
      clearCache clearSessionContext count countBy createPopulateWhere find findAll findAndCount findByCursor findOne findOneOrFail
      forceSelectInForLimitedPopulate getAbortOptions getComparator getDataLoader getEntityFactory getEntityLoader getEventManager getFilterParams
      getHydrator getJoinedFilters getLoggerContext getMetadata getPlatform getPopulateWhere getReference getSessionContext
      getTransactionSessionContext id isInTransaction lock lockAndPopulate map merge mergeSessionContext populate prepareOptions preparePopulate
      processUnionWhere processWhere resetTransactionContext schema setFilterParams setFlushMode setLoggerContext setSessionContext
      setTransactionContext shouldRefresh storeCache stream tryCache validateIndexUsage validateSessionContextStaging validateWhereKeysForIndex
      withSessionContext`,
  },
  'a repository': {
    methods: SqlEntityRepository,
    hooks: 'assign create',
    guarded: 'insert insertMany nativeDelete nativeUpdate upsert upsertMany',
    gives: 'createQueryBuilder getEntityManager qb',
    other: `canPopulate count countBy find findAll findAndCount findByCursor findOne findOneOrFail getEntityName getReference map merge populate stream
      validateRepositoryType`,
  },
  'a query builder': {
    methods: QueryBuilder,
    guarded: 'delete insert insertFrom merge truncate update',
    inner: 'execute from getFormattedQuery getNativeQuery getQuery init toQuery toRaw wrapModifySubQuery',
    gives: 'clone getConnection',
    other: `addCte addPolymorphicJoin addPropertyJoin addSelect addTPTParentFields addTPTParentJoins alias andHaving andOrderBy andWhere
      applyDiscriminatorCondition applyFilters applyJoinedFilters applyTPTJoins applyTPTPolymorphicJoins as branchesConflict buildUnionQuery cache
      canDistributeOrBranches collation comment condReferencesAlias count createAlias createMainAlias createQueryBuilderHelper distinct distinctOn
      ensureFromClause ensureNotFinalized ensureTPTJoins finalize fromEntityName fromRawTable fromSubQuery fromVirtual getAliasForJoinPath getAliasMap
      getCloneableProps getCount getFieldsForJoinedLoad getJoinForPath getJoinSubtree getLoggerContext getNextAlias getOrBranchAliases getParams
      getPopulatePaths getQueryBase getResult getResultAndCount getResultList getSchema getSelectAliases getSingleResult groupBy hasFlag hasToManyJoins
      having helper hintComment ignore indexHint innerJoin innerJoinAndSelect innerJoinLateral innerJoinLateralAndSelect join joinAndSelect
      joinReference leftJoin leftJoinAndSelect leftJoinLateral leftJoinLateralAndSelect limit mainAlias mapResult mapResults mergeFilterOrCondition
      mergeOnConditions nestReferencedJoins normalizeJoinPath offset onConflict orHaving orWhere orderBy populate prepareFields preparePartitionLimit
      processNestedJoins processOrderBy processPopulateHint processPopulateWhere processReturningStatement propagatePopulateHint
      pruneJoinsForPagination resolveInsertFromColumns resolveNestedPath resolveVirtualField returning rewriteVirtualFieldOrderBy scheduleFilterCheck
      select setAbortOptions setFlag setFlushMode setLockMode setLoggerContext setPartitionLimit state stream transferConditionsForOrderByJoins
      transferConditionsToJoin type union unionAll unsetFlag where with withRecursive withSchema withSubQuery wrapPaginateSubQuery
      wrapPartitionLimitSubQuery`,
  },
  'a collection': {
    methods: Collection,
    hooks: `add addWithoutPropagation cancelOrphanRemoval hydrate propagate propagateToInverseSide propagateToOwningSide remove removeAll
      removeWithoutPropagation set setDirty takeSnapshot`,
    gives: 'getEntityManager',
    other: `$ checkInitialized compare contains count createCondition createLoadCountCondition createManyToManyCondition exists filter find get
      getIdentifiers getItems getSnapshot incrementCount indexBy init isDirty isEmpty isInitialized isPartial length load loadCount loadItems map
      mappedByProp matching populated property reduce reorderItems setSerializationContext shouldPopulate shouldPropagateToCollection slice toArray
      toJSON validateModification`,
  },
  'a driver': {
    methods: MySqlDriver,
    guarded: 'nativeDelete nativeInsert nativeInsertMany nativeUpdate nativeUpdateMany',
    inner: 'nativeClone nativeCloneSimple nativeCloneTPT processManyToMany syncCollections',
    raw: 'execute',
    gives: 'createEntityManager createQueryBuilder createQueryBuilderFromOptions getConnection',
    other: `addTPTPolymorphicJoinsForRelation aggregate applyUnionWhere autoJoinOneToOneOwner buildCloneFields buildFields buildJoinedPropsOrderBy
      buildOrderBy buildPivotResultMap buildPopulateOrderBy buildPopulateWhere buildTPTDiscriminatorExpression buildToManyOrderBy close
      comparePrimaryKeyArrays connect convertException convertOwnerPksForPivotQuery count countVirtual createCursorCondition createFormulaTable
      createReplicas evaluateFormula extractManyToMany find findFromVirtual findOne findTPTChildAlias findVirtual forceBalancedStrategy
      getAutoIncrementIncrement getCloneableProps getDependencies getFieldsForJoinedLoad getMetadata getORMClass getPivotOrderBy getPlatform
      getPrimaryKeyFields getSchemaName getTableName getTableProps hasToManyJoins inlineEmbeddables isPopulated joinedProps loadFromPivotTable
      loadFromPolymorphicPivotTable loadFromUnionTargetPolymorphicPivotTable loadPolymorphicPivotInverseSide loadPolymorphicPivotOwnerSide
      lockPessimistic mapCloneOverrides mapCursorOffset mapDataToFieldNames mapJoinedProp mapJoinedProps mapPropToFieldNames mapResult mapTPTChildFields
      mapTPTColumns mergeJoinedResult normalizeFields parseCursorDirection processCursorOptions processField reconnect renderPartialIndexWhere
      resolveConnectionType rethrow setMetadata shouldHaveColumn stream streamFromVirtual validateSqlOptions wrapPopulateFilter
      wrapVirtualExpressionInSubquery wrapVirtualExpressionInSubqueryStream`,
  },
  'a connection': {
    methods: MySqlConnection,
    raw: 'callRoutine execute executeDump',
    gives: 'begin getClient getNativeClient transactional',
    other: `applyRoutineOutParams applySessionContext callRoutineFunction checkConnection close commit connect convertRoutineInbound
      convertRoutineOutbound createKysely createKyselyDialect ensureConnection executeQuery getConnectionOptions getPlatform getSql initClient
      isConnected logQuery mapOptions onConnect prepareQuery requireNativeClient rollback setMetadata setPlatform stream stringifySessionVariable
      transformRawResult waitForIdleTransaction`,
  },
  'a Kysely, or a transaction of one': {
    methods: ControlledTransaction,
    guarded: 'deleteFrom insertInto mergeInto replaceInto updateTable with',
    raw: 'executeQuery',
    gives: `$extendTables $omitTables $pickTables connection rollbackToSavepoint savepoint releaseSavepoint startTransaction transaction withPlugin
      withRecursive withSchema withTables withoutPlugins`,
    other:
      'case commit destroy dynamic fn getExecutor introspection isCommitted isRolledBack isTransaction rollback schema selectFrom selectNoFrom',
  },
  'a migration': {
    methods: Migration,
    raw: 'addSql execute',
    gives: 'getEntityManager',
    other: 'down getQueries isTransactional reset setTransactionContext',
  },
};

function methodsOf({ methods }: Sorted): string[] {
  const names = new Set<string>();
  for (let one = methods.prototype as object; one !== Object.prototype; one = Object.getPrototypeOf(one) as object)
    Object.getOwnPropertyNames(one).forEach(name => names.add(name));
  return [...names].filter(name => name !== 'constructor').toSorted();
}

const words = (text = ''): string[] => text.split(/\s+/).filter(Boolean);

describe.each(Object.entries(sorted))('the methods of %s', (_name, kinds) => {
  it('every method is listed with what it writes', () => {
    const { hooks, guarded, inner, raw, gives, other } = kinds;
    expect(methodsOf(kinds)).toEqual([hooks, guarded, inner, raw, gives, other].flatMap(words).toSorted());
  });

  it('every method that writes without hooks is in docs/bypasses.md', () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../../docs/bypasses.md'), 'utf8');
    expect(
      [kinds.guarded, kinds.raw].flatMap(words).filter(name => !new RegExp(`\\b${name}\\(\\)`).test(text)),
    ).toEqual([]);
  });
});
