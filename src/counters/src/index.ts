/** Counter caches for MikroORM: stored counts that equal the rows at every commit. */
export { deleteWhere, insertMany, lockTargets, updateWhere } from './bulk.js';
export { ChunkPace, type ChunkBounds } from './chunk-pace.js';
export { CountingEntityManager } from './counting-entity-manager.js';
export { defineCounter, type Counter, type CounterCondition } from './define-counter.js';
export { CounterError, type CounterErrorCode } from './errors.js';
export { exactNumber, isUnsafeNumber, UnsafeNumberError } from './exact-number.js';
export type { Key } from './key.js';
export { adjust, recount, type CountChange } from './recount.js';
export { bypassRefusals, finishedVerifies, recountedRows, storedCountUpdates, verifiedRows } from './events.js';
export type { BypassRefusal, FinishedVerify, RecountedRow, StoredCountUpdate, VerifiedRows } from './events.js';
export { CounterRegistry, type CounterGroup, type ResolvedCounter } from './registry.js';
export { CounterSubscriber, registryOf } from './subscriber.js';
export type { CounterStrategy } from './strategy.js';
export {
  checkStrategy,
  installTriggers,
  removeTriggers,
  thereIn,
  triggerStatus,
  type TriggerStatus,
} from './triggers.js';
export { countersInto, paceFor, verify, type VerifiedChunk, type VerifiedCount, type VerifyOptions } from './verify.js';
export { withCounters } from './with-counters.js';
