import { LockMode, raw, type EntityClass, type EntityMetadata, type Transaction } from '@mikro-orm/core';
import { QueryFlag, type SqlEntityManager } from '@mikro-orm/sql';
import { watchedIn, withOtherTables } from '../counts/rows-in-tables.js';
import type { LocatedGroup } from '../declarations/schemas.js';
import { keyColumns } from '../declarations/key-parts.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { between, columnList, keyIn, queryRows, quoted, tableName, type Row } from '../sql/fragments.js';
import { hashOf, type Key } from '../sql/key.js';
import type { UpdateWhereOptions } from './options.js';

/** The most rows that one statement reads of those to be changed. */
const MAX_READ_ROWS = 1000;

/** A row that a bulk write changes, as the database has it: the columns by which it is counted and found. */
export interface MatchingRow {
  readonly key: Key;
  readonly row: Row;
}

/**
 * Some of the rows: those after one key and up to another; null: no bound on that side. The last chunk has no end: rows
 * that come before the targets are locked are changed too.
 */
export interface Chunk {
  readonly after: Key | null;
  readonly upTo: Key | null;
  /** The keys that its rows had when they were read, for locking them by their keys; empty where that is not needed. */
  readonly keys: readonly Key[];
}

/** A condition as MikroORM gives it to its driver, with the options that say what it means. */
export interface Condition {
  readonly where: unknown;
  readonly convertCustomTypes: boolean;
  readonly options: UpdateWhereOptions<object>;
}

/** The counted rows of one entity that a condition matches, in one transaction. */
export class MatchingRows {
  readonly #columns: readonly string[];

  constructor(
    private readonly em: SqlEntityManager,
    private readonly transaction: Transaction,
    private readonly meta: EntityMetadata,
    private readonly groups: readonly LocatedGroup[],
    private readonly condition: Condition,
  ) {
    this.#columns = [...new Set([...keyColumns(meta), ...watchedIn(meta, groups)])];
  }

  /**
   * Reads, without locks, one row for all that have the same foreign keys, and the chunks of the rows, in the order of
   * their keys. The last chunk may be empty.
   */
  async survey(): Promise<{ chunks: Chunk[]; samples: MatchingRow[] }> {
    const chunks: Chunk[] = [];
    const samples = new Map<string, MatchingRow>();
    const foreignKeys = this.groups.flatMap(({ foreignKey, discriminator }) =>
      discriminator ? [discriminator.column, ...foreignKey] : foreignKey,
    );
    for (;;) {
      const after = chunks.at(-1)?.upTo ?? null;
      const rows = await this.#read(after, null, LockMode.NONE, MAX_READ_ROWS);
      for (const found of rows) samples.set(hashOf(foreignKeys.map(column => found.row[column])), found);
      const isLast = rows.length < MAX_READ_ROWS;
      const keys = dialectOf(this.em).locksIndexFirst ? rows.map(({ key }) => key) : [];
      chunks.push({ after, upTo: isLast ? null : rows.at(-1)!.key, keys });
      if (isLast) return { chunks, samples: [...samples.values()] };
    }
  }

  /** Reads, without locks, the keys that the rows of a chunk have now. */
  async keys({ after, upTo }: Chunk): Promise<Key[]> {
    return (await this.#read(after, upTo, LockMode.NONE)).map(({ key }) => key);
  }

  /** Locks and reads the rows of a chunk: those that match when they are locked. */
  async lock({ after, upTo, keys }: Chunk): Promise<MatchingRow[]> {
    if (keys.length > 0) await this.#lockByKeys(keys);
    const rows = await this.#read(after, upTo, LockMode.PESSIMISTIC_WRITE);
    // A condition on a collection finds a row once for each element.
    return [...new Map(rows.map(row => [hashOf(row.key), row])).values()];
  }

  /** Locks rows by their keys and in ascending order, as writes of single rows do; then no index's entries are locked first. */
  async #lockByKeys(keys: readonly Key[]): Promise<void> {
    const { em, meta, transaction } = this;
    const { byPrimaryKey, forUpdate } = dialectOf(em);
    const { sql, parameters } = keyIn(em, keyColumns(meta), keys);
    const table = `${tableName(em, meta, this.condition.options.schema)}${byPrimaryKey}`;
    const query = `select 1 as n from ${table} where ${sql} order by ${columnList(em, keyColumns(meta))}${forUpdate}`;
    await queryRows(em, transaction, { sql: query, parameters });
  }

  /** Reads rows by their keys, whether they match or not. */
  async byKeys(keys: readonly Key[]): Promise<MatchingRow[]> {
    const { em, meta, transaction } = this;
    const chosen = keyIn(em, keyColumns(meta), keys);
    const table = tableName(em, meta, this.condition.options.schema);
    const sql = `select ${columnList(em, this.#columns)} from ${table} where ${chosen.sql}`;
    return this.#keyed(await queryRows(em, transaction, { sql, parameters: chosen.parameters }), false);
  }

  /** Reads matching rows; where there is a limit, the first ones in the order of their keys. */
  async #read(after: Key | null, upTo: Key | null, lock: LockMode, limit?: number): Promise<MatchingRow[]> {
    const { em, meta, transaction } = this;
    const { where, convertCustomTypes, options } = this.condition;
    const driver = em.getDriver();
    const builder = driver
      .createQueryBuilder(
        meta.class as EntityClass<object>,
        transaction,
        'write',
        convertCustomTypes,
        options.loggerContext,
      )
      .withSchema(driver.getSchemaName(meta, options));
    const { signal, inflightQueryAbortStrategy } = options;
    builder.setAbortOptions({ signal, inflightQueryAbortStrategy });
    // By their columns and not by properties: keys have to go back to the database as it gave them.
    const alias = `${quoted(em, builder.alias)}.`;
    builder.select(this.#columns.map(column => raw(`${alias}${quoted(em, column)} as ${quoted(em, column)}`)) as never);
    if (where !== undefined) builder.where(where as never);
    for (const { sql, parameters } of between(em, keyColumns(meta), after, upTo, alias))
      builder.andWhere({ [raw(`(${sql})`, parameters)]: [] } as never);
    if (limit !== undefined) {
      builder.orderBy(keyColumns(meta).map(column => ({ [raw(`${alias}${quoted(em, column)}`)]: 'asc' })) as never);
      builder.limit(limit).setFlag(QueryFlag.DISABLE_PAGINATE);
    }
    if (lock !== LockMode.NONE) builder.setLockMode(lock);
    const rows = await builder
      .execute<Row[]>('all', { mapResults: false })
      .catch((error: Error) => Promise.reject(driver.convertException(error)));
    return this.#keyed(rows, lock !== LockMode.NONE);
  }

  async #keyed(read: readonly Row[], lock: boolean): Promise<MatchingRow[]> {
    const { em, transaction, groups, meta } = this;
    const rows = await withOtherTables(em, transaction, groups, meta, read, lock);
    return rows.map(row => ({ key: keyColumns(this.meta).map(column => row[column]), row }));
  }
}

/** Returns the condition for the rows with some keys, as MikroORM takes it. */
export function keyCondition(em: SqlEntityManager, meta: EntityMetadata, keys: readonly Key[]): object {
  const { sql, parameters } = keyIn(em, keyColumns(meta), keys);
  return { [raw(sql, parameters)]: [] };
}
