import { setImmediate as turn } from 'node:timers/promises';
import type { EntityClass, EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { CountValue } from '../sql/units.js';
import type { ResolvedCounter } from '../declarations/counter-group.js';
import { registryOf, withoutShares } from '../declarations/registry.js';
import { hasTypeTables } from '../declarations/rows-of-types.js';
import { groupsInto, type LocatedGroup } from '../declarations/schemas.js';
import { CounterError } from '../errors.js';
import { finishedVerifies, verifiedRows, type FinishedVerify, type VerifiedRows } from '../events.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import type { KeyRange } from '../sql/fragments.js';
import { compareKeys, hashOf, type Key } from '../sql/key.js';
import { ChunkPace } from './chunk-pace.js';
import { VerifyStatements, type ComparedTarget } from './verify-statements.js';

/** One counter of one target row as verify found it. Its drift is stored − actual. */
export interface VerifiedCount {
  readonly counter: string;
  readonly key: Key;
  readonly stored: CountValue;
  readonly actual: CountValue;
  /** The place of the target row in its chunk, from 1: how many rows were checked once this one was. */
  readonly place: number;
}

/** The target rows of one chunk, from `first` to `last`, how many of them were checked, and the counts that drift. */
export interface VerifiedChunk {
  readonly first: Key;
  /** The cursor: a verify that begins `after` it continues where this chunk ended. */
  readonly last: Key;
  readonly checked: number;
  readonly drifts: readonly VerifiedCount[];
  /** All counts, drifting or not, with the option `all`; otherwise empty. */
  readonly counts: readonly VerifiedCount[];
  /** How long the statements took. */
  readonly milliseconds: number;
}

/** What to verify, and how. */
export interface VerifyOptions {
  /** The target rows; all of the table by default. Rows that do not exist are left out. */
  readonly keys?: readonly Key[];
  /** The key after which to begin. */
  readonly after?: Key | null;
  /** The key with which to begin; not together with `after` or `keys`. */
  readonly from?: Key;
  /** The key with which to end; not together with `keys`. */
  readonly to?: Key;
  /** The names of the counters, such as `Post.commentCount`; all of the entity by default. */
  readonly counters?: readonly string[];
  /**
   * The number of rows of each chunk; by default, `pace` sizes them by time. Where a statement blocks the event loop, a
   * chunk is read in parts of the pace's size.
   */
  readonly batchSize?: number;
  readonly pace?: ChunkPace;
  readonly all?: boolean;
}

/** The most keys that one statement lists. */
const MAX_LISTED_KEYS = 1000;

/**
 * Compares the stored counts of an entity with its counted rows, chunk by chunk in key order, and changes nothing.
 *
 * Each row is compared by one statement and so in one snapshot: writers do not wait, and what they do at the same time
 * is not drift. Rows after the key that was the table's last at the beginning are left for the next verify. Runs in the
 * entity manager's transaction where one is open. Errors: COUNTER_DECLARATION where nothing is counted into the entity.
 */
export async function* verify(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  options: VerifyOptions = {},
): AsyncGenerator<VerifiedChunk, void, undefined> {
  const { target, groups } = targetOf(em, entity, options.counters);
  const statements = new VerifyStatements(em, target, groups);
  const { batchSize, pace = paceFor(em), all = false } = options;
  const { blocksEventLoop } = dialectOf(em);
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize > 0))
    throw new RangeError(`The batch size ${batchSize} is not a whole number of at least 1.`);
  if (options.from && (options.after || options.keys))
    throw new RangeError('A verify begins with `from`, or `after` a key, or has a list of `keys`. Give one of them.');
  if (options.to && options.keys)
    throw new RangeError('A verify ends with `to`, or has a list of `keys`. Give one of them.');
  const begun = performance.now();
  let [checked, drifts] = [0, 0];
  // What has been read of a chunk whose size is fixed, and how many rows that were.
  let [open, read] = [null as VerifiedChunk | null, 0];
  const size = (): number =>
    batchSize === undefined ? pace.size : blocksEventLoop ? Math.min(batchSize - read, pace.size) : batchSize;
  const given = (chunk: VerifiedChunk): VerifiedChunk => {
    if (verifiedRows.hasSubscribers)
      verifiedRows.publish({
        target: target.className,
        checked: chunk.checked,
        drifts: chunk.drifts.length,
      } satisfies VerifiedRows);
    checked += chunk.checked;
    drifts += chunk.drifts.length;
    return chunk;
  };
  for await (const range of options.keys
    ? listed(options.keys, options.after ?? null, size)
    : walked(statements, options, size)) {
    const start = performance.now();
    const targets = await statements.compare(range);
    const milliseconds = performance.now() - start;
    pace.took(milliseconds, targets.length);
    read += 'keys' in range ? range.keys.length : targets.length;
    if (targets.length > 0) open = joined(open, chunkOf(targets, range, all, milliseconds));
    if (batchSize === undefined || read >= batchSize) {
      if (open) yield given(open);
      [open, read] = [null, 0];
    }
    // A driver that blocks the event loop answers without a turn of it, so that everything else would wait for the end.
    await turn();
  }
  if (open) yield given(open);
  if (isWhole(options) && finishedVerifies.hasSubscribers)
    finishedVerifies.publish({
      target: target.className,
      checked,
      drifts,
      milliseconds: performance.now() - begun,
    } satisfies FinishedVerify);
}

/**
 * Returns the pace for an entity manager's database: small chunks where a statement blocks the event loop for as long as
 * it takes, also the first one, which may have the largest rows.
 */
export function paceFor(em: SqlEntityManager): ChunkPace {
  return new ChunkPace(dialectOf(em).blocksEventLoop ? { first: 10, milliseconds: 25 } : { milliseconds: 200 });
}

/** Returns the counters that are stored on an entity. Errors: COUNTER_DECLARATION where there is none. */
export function countersInto(em: SqlEntityManager, entity: EntityClass<object>): ResolvedCounter[] {
  return withoutShares(targetOf(em, entity).groups.flatMap(({ counters }) => counters));
}

/** Returns true for a verify that ends with the table and looks at all of its counters. */
function isWhole({ keys, to, counters }: VerifyOptions): boolean {
  return !keys && !to && !counters;
}

/**
 * Returns the metadata of a target entity and what is counted into it, or those of its counters that have one of some
 * names. Errors: COUNTER_DECLARATION where nothing is counted into it, and for a name that is none of them.
 */
export function targetOf(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  names?: readonly string[],
): { target: EntityMetadata; groups: readonly LocatedGroup[] } {
  const target = em.getMetadata(entity) as unknown as EntityMetadata;
  const registry = registryOf(em);
  const all = registry ? groupsInto(em, registry, target) : [];
  // Where each type has a table, the counts of one table.
  const groups = hasTypeTables(target) ? all.filter(group => group.target.class === target.class) : all;
  if (groups.length === 0) {
    const others = new Set(all.map(group => group.target.className));
    throw new CounterError(
      'COUNTER_DECLARATION',
      `Nothing is counted into ${target.className}. Name an entity that has a stored count${others.size > 0 ? `: ${[...others].join(', ')}` : ''}.`,
    );
  }
  return { target, groups: names ? onlyNamed(target, groups, names) : groups };
}

/** Returns groups with those counters alone that have one of some names. */
function onlyNamed(
  target: EntityMetadata,
  groups: readonly LocatedGroup[],
  names: readonly string[],
): readonly LocatedGroup[] {
  const all = groups.flatMap(({ counters }) => counters.map(({ name }) => name));
  const unknown = names.find(name => !all.includes(name));
  if (unknown !== undefined || names.length === 0)
    throw new CounterError(
      'COUNTER_DECLARATION',
      `${target.className} has no counter "${unknown ?? ''}". Give one of ${all.join(', ')}.`,
    );
  return groups
    .map(group => ({ ...group, counters: group.counters.filter(({ name }) => names.includes(name)) }))
    .filter(({ counters }) => counters.length > 0);
}

/** Returns the chunk of compared targets. A count drifts where stored and actual differ. */
function chunkOf(
  targets: readonly ComparedTarget[],
  range: KeyRange,
  all: boolean,
  milliseconds: number,
): VerifiedChunk {
  const counts: VerifiedCount[] = [];
  const drifts: VerifiedCount[] = [];
  for (const [index, target] of targets.entries())
    for (const { counter, stored, actual } of target.counts) {
      if (!all && stored === actual) continue;
      const count = { counter, stored, actual, key: target.key, place: index + 1 };
      if (all) counts.push(count);
      if (stored !== actual) drifts.push(count);
    }
  return {
    first: targets[0]!.key,
    last: 'keys' in range ? range.keys.at(-1)! : range.upTo,
    checked: targets.length,
    drifts,
    counts,
    milliseconds,
  };
}

/** Returns two chunks that follow each other as one. */
function joined(chunk: VerifiedChunk | null, next: VerifiedChunk): VerifiedChunk {
  if (!chunk) return next;
  const behind = (count: VerifiedCount): VerifiedCount => ({ ...count, place: count.place + chunk.checked });
  return {
    first: chunk.first,
    last: next.last,
    checked: chunk.checked + next.checked,
    drifts: [...chunk.drifts, ...next.drifts.map(behind)],
    counts: [...chunk.counts, ...next.counts.map(behind)],
    milliseconds: chunk.milliseconds + next.milliseconds,
  };
}

async function* walked(
  statements: VerifyStatements,
  { after = null, from, to }: VerifyOptions,
  size: () => number,
): AsyncGenerator<KeyRange> {
  const end = await statements.lastKey(to);
  if (end === null) return;
  let begin = from ? { after: from, includesAfter: true } : { after, includesAfter: false };
  for (;;) {
    const next = await statements.keyAfter({ ...begin, upTo: end }, size());
    yield { ...begin, upTo: next ?? end };
    if (next === null || hashOf(next) === hashOf(end)) return;
    begin = { after: next, includesAfter: false };
  }
}

/**
 * Returns the ranges of a list in the order of compareKeys(), which need not be the database's: the cursor of a list is
 * for the same list.
 */
async function* listed(keys: readonly Key[], after: Key | null, size: () => number): AsyncGenerator<KeyRange> {
  const sorted = [...new Map(keys.map(key => [hashOf(key), key])).values()].toSorted(compareKeys);
  let rest = after === null ? sorted : sorted.filter(key => compareKeys(key, after) > 0);
  while (rest.length > 0) {
    const chunk = rest.slice(0, Math.min(size(), MAX_LISTED_KEYS));
    yield { keys: chunk };
    rest = rest.slice(chunk.length);
  }
}
