import { helper, type EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { compareKeys, hashOf, type Key } from './key.js';
import type { CounterGroup } from './registry.js';
import type { LockedTarget, Statements } from './statements.js';
import type { TargetDelta } from './tally.js';

/** Says by how much the stored counts of an existing target row change. */
export interface KeyedDelta extends TargetDelta {
  readonly target: { readonly key: Key };
}

/**
 * Locks target rows and changes their stored counts within one transaction, always in ascending order, and remembers
 * what they hold so that loaded targets can be shown it.
 */
export class StoredCounts {
  /** Holds the locked rows by their keys and by those that were asked for; two spellings of one key share its row. */
  readonly #locked = new Map<CounterGroup, Map<string, LockedTarget>>();

  constructor(
    private readonly em: SqlEntityManager,
    private readonly statements: Statements,
  ) {}

  /** Locks target rows; those that are not there are not locked, and no error. */
  async lock(group: CounterGroup, keys: readonly Key[]): Promise<void> {
    const rows = this.#locked.get(group) ?? new Map<string, LockedTarget>();
    this.#locked.set(group, rows);
    const unlocked = [...new Map(keys.map(key => [hashOf(key), key])).values()].filter(key => !rows.has(hashOf(key)));
    if (unlocked.length === 0) return;
    for (const [asked, row] of await this.statements.lockTargets(group, unlocked)) {
      const known = rows.get(hashOf(row.key)) ?? row;
      rows.set(hashOf(row.key), known).set(asked, known);
    }
  }

  /** Tells whether this transaction has locked the target row here. */
  isLocked(group: CounterGroup, key: Key): boolean {
    return this.#locked.get(group)?.has(hashOf(key)) ?? false;
  }

  /** Adds deltas: one UPDATE for each target row, which carries all its counters. */
  async add(deltas: readonly KeyedDelta[]): Promise<void> {
    const sorted = [...deltas].sort((a, b) => a.group.order - b.group.order || compareKeys(a.target.key, b.target.key));
    for (const { group, target, amounts } of sorted) {
      await this.statements.addToStored(group, target.key, amounts);
      const row = this.#locked.get(group)?.get(hashOf(target.key));
      if (row) row.stored = row.stored.map((count, index) => count + amounts[index]!);
    }
  }

  /** Reads anew what triggers have made of the rows that are locked here. */
  async reread(): Promise<void> {
    for (const [group, rows] of this.#locked) {
      const asked = new Set([...rows.values()].map(({ key }) => key));
      rows.clear();
      await this.lock(group, [...asked]);
    }
  }

  /** Puts the true stored counts into those target entities that are loaded; they are not dirty by that. */
  refresh(): void {
    for (const [group, rows] of this.#locked) {
      for (const { key, stored } of new Set(rows.values())) {
        const entity = loadedTarget(this.em, group.target, key);
        if (!entity) continue;
        const { __originalEntityData: original, __loadedProperties: loaded } = helper(entity);
        group.counters.forEach(({ property }, index) => {
          (entity as Record<string, unknown>)[property] = stored[index];
          if (original) (original as Record<string, unknown>)[property] = stored[index];
          loaded.add(property);
        });
      }
    }
  }
}

/** Gives the target entity that the entity manager has loaded for a key, if any. */
export function loadedTarget(em: SqlEntityManager, target: EntityMetadata, key: Key): object | undefined {
  const id = key.length === 1 ? key[0] : key;
  const entity = em.getUnitOfWork(false).getById<object>(target.class, id as never, em.schema, true);
  return entity && isLoaded(entity, target) ? entity : undefined;
}

/**
 * MikroORM does not mark a mere reference as initialized when em.transactional() merges a loaded entity into it, until
 * it does.
 */
function isLoaded(entity: object, { primaryKeys }: EntityMetadata): boolean {
  return (
    helper(entity).isInitialized() || Object.keys(helper(entity).__originalEntityData ?? {}).length > primaryKeys.length
  );
}
