import { setImmediate as turn } from 'node:timers/promises';
import type { EntityClass, EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { ChunkPace } from './chunk-pace.js';
import { CounterError } from './errors.js';
import { finishedVerifies, verifiedRows, type FinishedVerify, type VerifiedRows } from './events.js';
import type { KeyRange } from './key-range.js';
import { compareKeys, hashOf, type Key } from './key.js';
import type { CounterGroup, ResolvedCounter } from './registry.js';
import { isSqlite } from './sql-names.js';
import { registryOf } from './subscriber.js';
import { VerifyStatements, type ComparedTarget } from './verify-statements.js';

/** Holds one counter of one target row as verify found it; drift is stored − actual. */
export interface VerifiedCount {
  readonly counter: string;
  readonly key: Key;
  readonly stored: number;
  readonly actual: number;
  /** Is the place of the target row in its chunk, from 1: so many rows were checked once this one was. */
  readonly place: number;
}

/** Holds what one statement found: target rows from `first` to `last`, `checked` of them, and the counts that drift. */
export interface VerifiedChunk {
  readonly first: Key;
  /** Is the cursor: a verify that begins `after` it goes on where this chunk ended. */
  readonly last: Key;
  readonly checked: number;
  readonly drifts: readonly VerifiedCount[];
  /** Holds all counts, drifting or not, where `all` asks for them; else it is empty. */
  readonly counts: readonly VerifiedCount[];
  /** Is how long the statement took. */
  readonly milliseconds: number;
}

/** Says what to verify and how. */
export interface VerifyOptions {
  /** Names the target rows; all of the table unless given. One that is not there is passed over. */
  readonly keys?: readonly Key[];
  /** Begins after this key. */
  readonly after?: Key | null;
  /**
   * Fixes the rows of each chunk; unless given, `pace` sizes them by time. On SQLite, a chunk is read in pieces of the
   * pace's size.
   */
  readonly batchSize?: number;
  readonly pace?: ChunkPace;
  readonly all?: boolean;
}

/** Limits the keys that one statement lists. */
const MOST_LISTED = 1000;

/**
 * Compares the stored counts of an entity with its counted rows, chunk by chunk in key order, and changes nothing.
 *
 * Each row is compared by one statement and so in one snapshot: writers are not held up, and what they do at the same
 * time is no drift. Rows that come after the table's last key at the beginning are left for the next time. Runs in the
 * entity manager's transaction where one is open. Errors: COUNTER_DECLARATION where nothing is counted into the entity.
 */
export async function* verify(
  em: SqlEntityManager,
  entity: EntityClass<object>,
  options: VerifyOptions = {},
): AsyncGenerator<VerifiedChunk, void, undefined> {
  const { target, groups } = targetOf(em, entity);
  const statements = new VerifyStatements(em, target, groups);
  const { batchSize, pace = paceFor(em), all = false } = options;
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize > 0))
    throw new RangeError(`The batch size ${batchSize} is not a whole number of at least 1.`);
  const begun = performance.now();
  let [checked, drifts] = [0, 0];
  // What has been read of a chunk whose size is fixed, and how many rows that were.
  let [open, read] = [null as VerifiedChunk | null, 0];
  const size = (): number =>
    batchSize === undefined ? pace.size : isSqlite(em) ? Math.min(batchSize - read, pace.size) : batchSize;
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
    : walked(statements, options.after ?? null, size)) {
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
    // SQLite's driver answers without a turn of the event loop, in which all else would wait for the last chunk.
    await turn();
  }
  if (open) yield given(open);
  if (!options.keys && finishedVerifies.hasSubscribers)
    finishedVerifies.publish({
      target: target.className,
      checked,
      drifts,
      milliseconds: performance.now() - begun,
    } satisfies FinishedVerify);
}

/**
 * Gives the pace for an entity manager's database: SQLite's driver holds up the event loop for as long as a statement
 * takes, the first one too, which may have the largest rows.
 */
export function paceFor(em: SqlEntityManager): ChunkPace {
  return new ChunkPace(isSqlite(em) ? { first: 10, milliseconds: 25 } : { milliseconds: 200 });
}

/** Lists the counters that are stored on an entity. Errors: COUNTER_DECLARATION where there is none. */
export function countersInto(em: SqlEntityManager, entity: EntityClass<object>): ResolvedCounter[] {
  return targetOf(em, entity).groups.flatMap(({ counters }) => counters);
}

/** Gives the table of a target entity and what is counted into it. Errors: COUNTER_DECLARATION where nothing is. */
export function targetOf(
  em: SqlEntityManager,
  entity: EntityClass<object>,
): { target: EntityMetadata; groups: CounterGroup[] } {
  const target = em.getMetadata(entity) as unknown as EntityMetadata;
  const groups = registryOf(em)?.storedOn(target) ?? [];
  if (groups.length === 0)
    throw new CounterError(
      'COUNTER_DECLARATION',
      `Nothing is counted into ${target.className}. Name an entity that has a stored count.`,
    );
  return { target, groups };
}

/** Gives the chunk of compared targets: a count drifts where stored and actual differ. */
function chunkOf(
  targets: readonly ComparedTarget[],
  range: KeyRange,
  all: boolean,
  milliseconds: number,
): VerifiedChunk {
  const counts = targets.flatMap(({ key, counts: mine }, index) =>
    mine.map(count => ({ ...count, key, place: index + 1 })),
  );
  return {
    first: targets[0]!.key,
    last: 'keys' in range ? range.keys.at(-1)! : range.upTo,
    checked: targets.length,
    drifts: counts.filter(({ stored, actual }) => stored !== actual),
    counts: all ? counts : [],
    milliseconds,
  };
}

/** Returns one chunk of two that follow each other. */
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

async function* walked(statements: VerifyStatements, after: Key | null, size: () => number): AsyncGenerator<KeyRange> {
  const end = await statements.lastKey();
  if (end === null) return;
  for (let from = after; ;) {
    const next = await statements.keyAfter(from, end, size());
    yield { after: from, upTo: next ?? end };
    if (next === null || hashOf(next) === hashOf(end)) return;
    from = next;
  }
}

/**
 * Walks a list in the order of compareKeys, which need not be the database's: the cursor of a list is for the same
 * list.
 */
async function* listed(keys: readonly Key[], after: Key | null, size: () => number): AsyncGenerator<KeyRange> {
  const sorted = [...new Map(keys.map(key => [hashOf(key), key])).values()].sort(compareKeys);
  let rest = after === null ? sorted : sorted.filter(key => compareKeys(key, after) > 0);
  while (rest.length > 0) {
    const chunk = rest.slice(0, Math.min(size(), MOST_LISTED));
    yield { keys: chunk };
    rest = rest.slice(chunk.length);
  }
}
