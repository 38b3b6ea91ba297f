import { LockMode, Utils, type EntityClass, type EntityMetadata, type Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { stateInDatabase, type RowState } from '../counts/deltas.js';
import { keyColumns, watchedProperties, type CounterGroup } from '../declarations/registry.js';
import type { Row } from '../sql/fragments.js';
import { hashOf, type Key } from '../sql/key.js';

/** The most rows that one statement reads of those to be changed. */
const MAX_READ_ROWS = 1000;

/** A row that a bulk write changes, as the database has it. */
interface MatchingRow {
  readonly key: Key;
  readonly state: RowState;
}

/** The counted rows of one entity that a condition matches, in one transaction. */
export class MatchingRows {
  constructor(
    private readonly em: SqlEntityManager,
    private readonly transaction: Transaction,
    private readonly meta: EntityMetadata,
    private readonly groups: readonly CounterGroup[],
    private readonly where: unknown,
  ) {}

  /**
   * Reads, without locks, one state for all rows that have the same targets, and the keys at which chunks of the rows
   * end. The last chunk has no end: rows that come before the targets are locked are changed too.
   */
  async survey(): Promise<{ ends: Key[]; states: RowState[] }> {
    const ends: Key[] = [];
    const states = new Map<string, RowState>();
    for (;;) {
      const rows = await this.#read(ends.at(-1) ?? null, null, LockMode.NONE, MAX_READ_ROWS);
      for (const { state } of rows)
        states.set(
          hashOf(Object.values(state.targets).map(target => (target && 'key' in target ? hashOf(target.key) : null))),
          state,
        );
      if (rows.length < MAX_READ_ROWS) return { ends, states: [...states.values()] };
      ends.push(rows.at(-1)!.key);
    }
  }

  /** Locks and reads the rows after one key and up to another; null: no bound on that side. */
  lock(after: Key | null, upTo: Key | null): Promise<MatchingRow[]> {
    return this.#read(after, upTo, LockMode.PESSIMISTIC_WRITE);
  }

  /** Reads matching rows; where there is a limit, the first ones in the order of their keys. */
  async #read(after: Key | null, upTo: Key | null, lock: LockMode, limit?: number): Promise<MatchingRow[]> {
    const { meta, groups } = this;
    const driver = this.em.getDriver();
    const builder = driver.createQueryBuilder(meta.class as EntityClass<object>, this.transaction, 'write', false);
    builder.select([...new Set([...meta.primaryKeys, ...watchedProperties(groups)])] as never);
    for (const condition of [this.where, ...between(meta, after, upTo)]) builder.andWhere(condition as never);
    if (limit !== undefined) builder.orderBy(meta.primaryKeys.map(name => ({ [name]: 'asc' })) as never).limit(limit);
    if (lock !== LockMode.NONE) builder.setLockMode(lock);
    const rows = await builder.execute<Row[]>('all', { mapResults: false });
    return rows.map(row => ({ key: keyColumns(meta).map(column => row[column]), state: stateInDatabase(row, groups) }));
  }
}

/** Returns MikroORM's condition for the rows that have one of some keys. */
export function keyCondition(meta: EntityMetadata, keys: readonly Key[]): object {
  const name = Utils.getPrimaryKeyHash(meta.primaryKeys);
  return { [name]: { $in: keys.map(key => (key.length === 1 ? key[0] : key)) } };
}

function between(meta: EntityMetadata, after: Key | null, upTo: Key | null): object[] {
  return [...(after ? beside(meta, '$gt', '$gt', after) : []), ...(upTo ? beside(meta, '$lt', '$lte', upTo) : [])];
}

/** Compares keys part by part, as inRange() does, and for the same reason. */
function beside(
  { primaryKeys }: EntityMetadata,
  operator: '$gt' | '$lt',
  lastOperator: '$gt' | '$lte',
  key: Key,
): object[] {
  const last = primaryKeys.length - 1;
  const parts = primaryKeys.map((name, index) => ({
    ...Object.fromEntries(primaryKeys.slice(0, index).map((equal, at) => [equal, key[at]])),
    [name]: { [index === last ? lastOperator : operator]: key[index] },
  }));
  return last === 0 ? parts : [{ [primaryKeys[0]!]: { [`${operator}e`]: key[0] } }, { $or: parts }];
}
