/** Counter caches for MikroORM: stored counts that equal the rows at every commit. */
export { deleteWhere, insertMany, lockTargets, updateWhere } from './bulk/bulk-writes.js';
export type { DeleteWhereOptions, InsertManyOptions, UpdateWhereOptions } from './bulk/options.js';
export {
  defineCounter,
  type Counter,
  type CounterCondition,
  type CounterStrategy,
} from './declarations/define-counter.js';
export type { CounterGroup, ResolvedCounter } from './declarations/counter-group.js';
export { CounterRegistry, registryOf } from './declarations/registry.js';
export { CounterError, type CounterErrorCode } from './errors.js';
export {
  bypassRefusals,
  finishedVerifies,
  recountedRows,
  storedCountUpdates,
  verifiedRows,
  type BypassRefusal,
  type FinishedVerify,
  type RecountedRow,
  type StoredCountUpdate,
  type VerifiedRows,
} from './events.js';
export { CounterSubscriber } from './flush/subscriber.js';
export { CountingEntityManager } from './guards/counting-entity-manager.js';
export {
  counterMigration,
  CounterMigration,
  counterStates,
  type CounterState,
  type FillOptions,
} from './migration/counter-migration.js';
export { isConflict, retryTransaction, type RetryOptions, type TransactionRetry } from './retry.js';
export { exactNumber, isUnsafeNumber, UnsafeNumberError } from './sql/exact-number.js';
export type { Key } from './sql/key.js';
export { exactDifference, type CountValue } from './sql/units.js';
export { checkStrategy } from './triggers/strategy.js';
export {
  existingTriggers,
  installTriggers,
  removeTriggers,
  triggerStatus,
  type TriggerStatus,
} from './triggers/triggers.js';
export { ChunkPace, type ChunkBounds } from './verify/chunk-pace.js';
export {
  recountAll,
  type RecountAllOptions,
  type RecountedTarget,
  type RecountProgress,
  type RecountReport,
} from './verify/recount-all.js';
export { RepairPace } from './verify/repair-pace.js';
export { adjust, recount, recountRows, type CountChange } from './verify/recount.js';
export {
  countersInto,
  paceFor,
  verify,
  type VerifiedChunk,
  type VerifiedCount,
  type VerifyOptions,
} from './verify/verify.js';
export { withCounters } from './with-counters.js';
