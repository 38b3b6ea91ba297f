import type { EntityMetadata } from '@mikro-orm/core';
import { CounterError } from './errors.js';
import { bypassRefused } from './events.js';
import { countersOn, refuseStoredCounts } from './guards.js';
import type { CounterRegistry } from './registry.js';
import { watchedColumns } from './row-state.js';
import { writtenColumns, writtenPivots } from './written-columns.js';

/** Says what to do instead of a write that fires no hooks. */
const instead = {
  insert: 'em.create(), or insertMany() of the counters for many rows',
  upsert: 'a transaction that finds the row, then em.create() or a change of it',
  update: 'a change of the entities and a flush, or updateWhere() of the counters for many rows',
  delete: 'em.remove(), or deleteWhere() of the counters for many rows',
  clone: 'em.create()',
};

/**
 * Refuses writes that fire no hooks, where these would have to count (COUNTER_BYPASS), and those that would write a
 * stored count (COUNTER_ASSIGNED), each by the method's name in `way`; lets all others pass.
 */
export class DirectWrites {
  constructor(readonly registry: CounterRegistry) {}

  insert(way: string, meta: EntityMetadata, rows: readonly object[]): void {
    this.#refuseUnseen(way, meta, instead.insert);
    for (const row of rows) {
      this.#refusePivots(way, meta, row);
      refuseStoredCounts(this.registry, meta, row, true);
    }
  }

  /**
   * Checks rows that are inserted or, where they are there already, updated; what is merged then is checked by merge().
   */
  upsert(way: string, meta: EntityMetadata, rows: readonly object[]): void {
    this.#refuseUnseen(way, meta, instead.upsert);
    for (const row of rows) this.#refusePivots(way, meta, row);
  }

  /** Checks what rows that are there already get on conflict. */
  merge(meta: EntityMetadata, data: object): void {
    const written = writtenColumns(meta, data);
    const named = countersOn(this.registry, meta).find(
      ({ column }) => written.has(column.toLowerCase()) && written.get(column.toLowerCase()) === undefined,
    );
    if (named)
      throw new CounterError(
        'COUNTER_ASSIGNED',
        `${named.name} is a stored count and would be overwritten where the row is there already. Leave it out of what is merged.`,
      );
    refuseStoredCounts(this.registry, meta, data, false);
  }

  /** Checks an INSERT from a query. */
  insertFrom(way: string, meta: EntityMetadata): void {
    this.#refuseUnseen(way, meta, instead.insert);
    const counters = countersOn(this.registry, meta).map(({ name }) => name);
    if (counters.length === 0) return;
    throw bypassRefused(
      meta.className,
      `${way} on ${meta.className} would copy ${counters.join(' and ')}. Use em.create() or em.clone().`,
    );
  }

  update(way: string, meta: EntityMetadata, data: object): void {
    const watched = watchedColumns(this.registry.countedBy(meta)).map(column => column.toLowerCase());
    const written = writtenColumns(meta, data);
    if (watched.some(column => written.has(column))) this.#refuseUnseen(way, meta, instead.update);
    this.#refusePivots(way, meta, data);
    refuseStoredCounts(this.registry, meta, data, false);
  }

  delete(way: string, meta: EntityMetadata): void {
    this.#refuseUnseen(way, meta, instead.delete);
  }

  /** Checks that all rows are to go at once, which fires no triggers either. */
  truncate(way: string, meta: EntityMetadata): void {
    this.#refuse(way, meta, instead.delete);
  }

  /**
   * Checks a copy that the database makes: stored counts must not be copied, for the new row has no rows of its own
   * yet.
   */
  clone(way: string, meta: EntityMetadata, overrides: object): void {
    this.#refuseUnseen(way, meta, instead.clone);
    const written = writtenColumns(meta, overrides);
    const copied = countersOn(this.registry, meta).filter(({ column }) => written.get(column.toLowerCase()) !== 0);
    if (copied.length === 0) return;
    throw bypassRefused(
      meta.className,
      `${way} on ${meta.className} would copy ${copied.map(({ name }) => name).join(' and ')}. Use em.clone().`,
    );
  }

  /** Refuses a write of counted rows that only hooks would have to see; triggers see it. */
  #refuseUnseen(way: string, meta: EntityMetadata, wayOut: string): void {
    if (this.registry.strategy === 'hooks') this.#refuse(way, meta, wayOut);
  }

  #refuse(way: string, meta: EntityMetadata, wayOut: string): void {
    const counters = this.registry.countedBy(meta).flatMap(group => group.counters.map(({ name }) => name));
    if (counters.length > 0)
      throw bypassRefused(
        meta.className,
        `${way} on ${meta.className} would write past ${counters.join(' and ')}. Use ${wayOut}.`,
      );
  }

  #refusePivots(way: string, meta: EntityMetadata, data: object): void {
    if (this.registry.strategy !== 'hooks') return;
    for (const { name, pivotEntity } of writtenPivots(meta, data)) {
      const group = this.registry.groups.find(({ counted }) => counted.class === (pivotEntity as unknown));
      if (!group) continue;
      const counters = group.counters.map(counter => counter.name).join(' and ');
      throw bypassRefused(
        meta.className,
        `${way} on ${meta.className} with "${name}" would write ${group.counted.className} rows past ${counters}. Create and remove ${group.counted.className} entities instead.`,
      );
    }
  }
}
