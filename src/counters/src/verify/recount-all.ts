import { setTimeout as pause } from 'node:timers/promises';
import type { EntityClass } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { registryOf } from '../declarations/registry.js';
import { CounterError } from '../errors.js';
import { retryTransaction } from '../retry.js';
import { hashOf, type Key } from '../sql/key.js';
import type { ChunkPace } from './chunk-pace.js';
import { recountRows, type CountChange } from './recount.js';
import { RepairPace } from './repair-pace.js';
import { verify, type VerifiedChunk, type VerifyOptions } from './verify.js';

/** The most changes that a report lists, by default. */
const MAX_LISTED_CHANGES = 1000;

/** What to recount: the entities that store counts, or counters by their names, such as `Post.commentCount`. */
type Choice = readonly (EntityClass<object> | string)[];

/** What to recount, and how. */
export interface RecountAllOptions {
  /** Only these; all by default. */
  readonly only?: Choice;
  /** Not these. */
  readonly exclude?: Choice;
  /** The first target row, by its key; for one entity only. */
  readonly from?: Key;
  /** The last target row, by its key; for one entity only. */
  readonly to?: Key;
  /** Reports what would be changed, and changes nothing. */
  readonly dryRun?: boolean;
  /** The number of target rows of each chunk; by default, `pace` sizes them by time. */
  readonly batchSize?: number;
  readonly pace?: ChunkPace;
  /** The time to leave to others after each chunk, in milliseconds; 0 by default. */
  readonly pauseMs?: number;
  /** The function that is called after each chunk, whose drifting rows are repaired by then. */
  readonly onProgress?: (progress: RecountProgress) => void | Promise<void>;
  /** The most changes that the report lists; 1,000 by default. It counts all of them. */
  readonly maxChanges?: number;
  /** Ends the recount after the row at work; what was repaired stays so. */
  readonly signal?: AbortSignal;
}

/** The target rows of one entity that were looked at: how many, how many of them drifted, and were repaired. */
export interface RecountedTarget {
  /** The name of the entity. */
  readonly target: string;
  readonly checked: number;
  readonly drifted: number;
  /** In a dry run, 0. */
  readonly repaired: number;
  /** The key of the last row that was looked at, from which another recount can go on; null where there was none. */
  readonly last: Key | null;
}

/** What a recount has done to one entity so far, and to the rows of its last chunk. */
export interface RecountProgress extends RecountedTarget {
  /** The changes of this chunk; in a dry run, those that a recount would make. */
  readonly changes: readonly CountChange[];
}

/** What a recount has done. */
export interface RecountReport {
  readonly dryRun: boolean;
  readonly targets: readonly RecountedTarget[];
  readonly checked: number;
  readonly drifted: number;
  readonly repaired: number;
  /** The first changes, of all entities; in a dry run, those that a recount would make. */
  readonly changes: readonly CountChange[];
  /** The number of all changes. */
  readonly changeCount: number;
  readonly milliseconds: number;
}

/**
 * Verifies all stored counts and repairs those that drift, while others write: entity by entity, chunk by chunk in the
 * order of keys. The drifting rows are repaired under their locks in short transactions, of as many rows as take about
 * 100 ms; after a conflict, of one row. It needs constant memory.
 *
 * Errors: COUNTER_DECLARATION for a counter or an entity that nothing is counted into, and where nothing is left;
 * COUNTER_TRANSACTION inside a transaction, which would keep all rows locked; the signal's reason; the database's, with
 * what was repaired before staying so: `onProgress` tells where to go on.
 */
export async function recountAll(em: SqlEntityManager, options: RecountAllOptions = {}): Promise<RecountReport> {
  const { dryRun = false, pauseMs = 0, maxChanges = MAX_LISTED_CHANGES, onProgress, signal } = options;
  if (em.isInTransaction())
    throw new CounterError(
      'COUNTER_TRANSACTION',
      'recountAll() was called inside a transaction, which would keep the rows locked until its end. Call it outside, or recount() single rows inside.',
    );
  const begun = performance.now();
  const own = em.fork();
  const targets: RecountedTarget[] = [];
  const changes: CountChange[] = [];
  let changeCount = 0;
  const repairs = new RepairPace();
  for (const choice of chosen(own, options)) {
    const { entity, counters } = choice;
    let done: RecountedTarget = {
      target: own.getMetadata(entity).className,
      checked: 0,
      drifted: 0,
      repaired: 0,
      last: null,
    };
    for await (const chunk of verify(own, entity, { ...verifyOptions(options), counters })) {
      signal?.throwIfAborted();
      const made = dryRun ? foreseen(chunk) : await repaired(own, chunk, choice, repairs, signal);
      done = {
        ...done,
        checked: done.checked + chunk.checked,
        drifted: done.drifted + rowsOf(chunk.drifts),
        repaired: done.repaired + (dryRun ? 0 : rowsOf(made)),
        last: chunk.last,
      };
      changeCount += made.length;
      changes.push(...made.slice(0, Math.max(0, maxChanges - changes.length)));
      await onProgress?.({ ...done, changes: made });
      if (pauseMs > 0) await pause(pauseMs, undefined, signal && { signal });
    }
    targets.push(done);
  }
  const sum = (of: (target: RecountedTarget) => number): number => targets.reduce((all, one) => all + of(one), 0);
  return {
    dryRun,
    targets,
    checked: sum(({ checked }) => checked),
    drifted: sum(({ drifted }) => drifted),
    repaired: sum(({ repaired: rows }) => rows),
    changes,
    changeCount,
    milliseconds: performance.now() - begun,
  };
}

/** An entity that stores counts, and the names of those that are chosen. */
interface Chosen {
  readonly entity: EntityClass<object>;
  readonly counters: readonly string[];
}

/** Returns what to recount, in the order in which transactions lock tables. */
function chosen(em: SqlEntityManager, { only, exclude = [], from, to }: RecountAllOptions): readonly Chosen[] {
  const groups = registryOf(em)?.groups ?? [];
  const all = groups.flatMap(({ target, counters }) => counters.map(({ name }) => ({ entity: target.class, name })));
  const isOneOf = (choice: Choice): ((counter: (typeof all)[number]) => boolean) => {
    for (const one of choice)
      if (!all.some(({ entity, name }) => one === entity || one === name))
        throw new CounterError(
          'COUNTER_DECLARATION',
          `Nothing is counted into "${typeof one === 'string' ? one : one.name}". Give an entity that stores a count, or one of ${all.map(({ name }) => name).join(', ')}.`,
        );
    return ({ entity, name }) => choice.some(one => one === entity || one === name);
  };
  const [wanted, unwanted] = [only ? isOneOf(only) : () => true, isOneOf(exclude)];
  const left = Map.groupBy(
    all.filter(counter => wanted(counter) && !unwanted(counter)),
    ({ entity }) => entity as EntityClass<object>,
  );
  if (left.size === 0)
    throw new CounterError(
      'COUNTER_DECLARATION',
      'No counter is left to recount. Name other counters, or leave out `only` and `exclude`.',
    );
  if (left.size > 1 && (from ?? to))
    throw new CounterError(
      'COUNTER_DECLARATION',
      `\`from\` and \`to\` are keys of one entity, but the counters are those of ${[...left.keys()].map(({ name }) => name).join(', ')}. Name one by \`only\`.`,
    );
  return [...left].map(([entity, counters]) => ({ entity, counters: counters.map(({ name }) => name) }));
}

function verifyOptions({ from, to, batchSize, pace }: RecountAllOptions): VerifyOptions {
  return {
    ...(from && { from }),
    ...(to && { to }),
    ...(batchSize !== undefined && { batchSize }),
    ...(pace && { pace }),
  };
}

/** Repairs the drifting rows of a chunk. By the time a row is locked, its counts may be right, or it may be gone. */
async function repaired(
  em: SqlEntityManager,
  { drifts }: VerifiedChunk,
  { entity, counters }: Chosen,
  pace: RepairPace,
  signal: AbortSignal | undefined,
): Promise<readonly CountChange[]> {
  const changes: CountChange[] = [];
  const keys = [...new Map(drifts.map(({ key }) => [hashOf(key), key])).values()];
  while (keys.length > 0) {
    signal?.throwIfAborted();
    const start = performance.now();
    let some: readonly Key[] = [];
    let tries = 0;
    const made = await retryTransaction(em, (inner, attempt) => {
      tries = attempt;
      some = keys.slice(0, pace.rowsOf(attempt));
      return recountRows(inner, entity, some, { counters });
    });
    keys.splice(0, some.length);
    changes.push(...made);
    pace.took(performance.now() - start, some.length, tries);
  }
  return changes;
}

function foreseen({ drifts }: VerifiedChunk): readonly CountChange[] {
  return drifts.map(({ counter, key, stored, actual }) => ({ counter, key, before: stored, after: actual }));
}

/** Returns of how many rows some counts are. */
function rowsOf(counts: readonly { readonly key: Key }[]): number {
  return new Set(counts.map(({ key }) => hashOf(key))).size;
}
