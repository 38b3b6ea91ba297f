import type { EntityMetadata, Transaction } from '@mikro-orm/core';
import type { AbstractSqlDriver, SqlEntityManager } from '@mikro-orm/sql';
import { CounterError } from './errors.js';
import { exactNumber } from './exact-number.js';
import { storedCountUpdates, type StoredCountUpdate } from './events.js';
import { compareKeys, hashOf, isNumeric, type Key } from './key.js';
import { keyColumns, type CounterGroup, type CounterRegistry, type ResolvedCounter } from './registry.js';
import { isSqlite, keyIn, quoted, tableName } from './sql-names.js';
import { triggerName } from './trigger-sql.js';

/**
 * Holds a locked target row: its key as the database spells it, and its stored counts in the order of the group's
 * counters.
 */
export interface LockedTarget {
  readonly key: Key;
  stored: number[];
}

/** Maps each locked target row by the hash of the key that was asked for. */
export type LockedTargets = Map<string, LockedTarget>;

/** Holds one counted row as read under lock: by column, raw. */
export type CountedRow = Readonly<Record<string, unknown>>;

const CHUNK = 500;

/**
 * Speaks the engine's few SQL statements within one transaction.
 *
 * They are written out rather than built: a query builder would bump a target's optimistic version, apply filters, or
 * add joins, and the order of the locks is the protocol itself.
 */
export class Statements {
  readonly #em: SqlEntityManager;
  readonly #transaction: Transaction;

  constructor(em: SqlEntityManager, transaction: Transaction) {
    this.#em = em;
    this.#transaction = transaction;
  }

  /** Locks target rows in ascending key order and gives their stored counts; a row that is not there is left out. */
  async lockTargets(group: CounterGroup, keys: readonly Key[]): Promise<LockedTargets> {
    const columns = [...group.targetKey, ...group.counters.map(counter => counter.column)];
    const locked: LockedTargets = new Map();
    const sorted = [...keys].sort(compareKeys);
    // A collation may order text unlike JavaScript, so only numbers are left to the database to put in order.
    const size = sorted.every(isNumeric) ? CHUNK : 1;
    for (let start = 0; start < sorted.length; start += size) {
      const chunk = sorted.slice(start, start + size);
      const rows = await this.#rows(
        `select ${this.#list(columns)} from ${this.#table(group.target)} where ${this.#keyIn(group.targetKey, chunk)} ` +
          `order by ${this.#list(group.targetKey)}${this.#forUpdate}`,
        chunk.flat(),
      );
      for (const row of rows) {
        const key = group.targetKey.map(column => row[column]);
        // By the same collation, a text asked for by itself may find a row that spells it otherwise.
        locked.set(hashOf(size === 1 ? chunk[0]! : key), {
          key,
          stored: group.counters.map(({ column }) => exactNumber(row[column], `${group.target.tableName}.${column}`)),
        });
      }
    }
    return locked;
  }

  /**
   * Reads columns of counted rows by primary key, locked unless `lock` is false; a row that is not there is left out.
   */
  async countedRows(
    counted: EntityMetadata,
    columns: readonly string[],
    keys: readonly Key[],
    lock = true,
  ): Promise<CountedRow[]> {
    const key = keyColumns(counted);
    const sorted = [...keys].sort(compareKeys);
    const found: CountedRow[] = [];
    for (let start = 0; start < sorted.length; start += CHUNK) {
      const chunk = sorted.slice(start, start + CHUNK);
      const rows = await this.#rows(
        `select ${this.#list([...new Set([...key, ...columns])])} from ${this.#table(counted)} ` +
          `where ${this.#keyIn(key, chunk)} order by ${this.#list(key)}${lock ? this.#forUpdate : ''}`,
        chunk.flat(),
      );
      found.push(...rows);
    }
    return found;
  }

  /**
   * Adds deltas to one target row: lock and change in one statement.
   *
   * Errors: COUNTER_TARGET_MISSING where the row is gone, COUNTER_UNDERFLOW where a count would become negative, which
   * only a write past the engine can bring about.
   */
  async addToStored(group: CounterGroup, key: Key, amounts: readonly number[]): Promise<void> {
    const changed = group.counters
      .map((counter, index) => ({ counter, amount: amounts[index]! }))
      .filter(({ amount }) => amount !== 0);
    const column = (name: string): string => this.#quote(name);
    const sets = changed.map(({ counter }) => `${column(counter.column)} = ${column(counter.column)} + ?`);
    const guards = changed
      .filter(({ amount }) => amount < 0)
      .map(({ counter }) => ` and ${column(counter.column)} >= ?`);
    const { affectedRows } = await this.#execute<{ affectedRows: number }>(
      `update ${this.#table(group.target)} set ${sets.join(', ')} where ${this.#keyIn(group.targetKey, [key])}${guards.join('')}`,
      [
        ...changed.map(({ amount }) => amount),
        ...key,
        ...changed.filter(({ amount }) => amount < 0).map(({ amount }) => -amount),
      ],
      'run',
    );
    if (affectedRows === 1) return tell(group, key, changed);
    const stored = (await this.lockTargets(group, [key])).get(hashOf(key))?.stored;
    if (!stored) throw targetMissing(group, key);
    throw new CounterError(
      'COUNTER_UNDERFLOW',
      `${group.target.className} ${key.join(', ')} stores ${group.counters.map(({ name }, index) => `${name} = ${stored[index]}`).join(', ')}, and a change of ` +
        `${amounts.join(', ')} would make a count negative: rows were written past the counters. Recount it, then try again.`,
    );
  }

  /**
   * Tells whether triggers count in this transaction.
   *
   * On SQLite they may do so although this process means to count with hooks: another one has installed them since.
   * MySQL and MariaDB have a session variable that makes them stand back; SQLite has none, so there hooks stand back.
   */
  async leavesToTriggers(registry: CounterRegistry): Promise<boolean> {
    return registry.strategy === 'triggers' || (isSqlite(this.#em) && (await this.#triggersFound(registry)) > 0);
  }

  /**
   * Refuses to leave the counting to triggers that are not there any more (COUNTER_STRATEGY); asked under the locks of
   * the targets, for which a change of the triggers waits.
   */
  async requireTriggers(registry: CounterRegistry): Promise<void> {
    if (registry.strategy !== 'triggers' || (await this.#triggersFound(registry)) === registry.groups.length) return;
    throw new CounterError(
      'COUNTER_STRATEGY',
      'The triggers that this process leaves the counting to are not in the database, or its user lacks the privilege TRIGGER to see them. Install them, or count with hooks.',
    );
  }

  /** Gives how many groups have the trigger that counts new rows. */
  async #triggersFound({ groups }: CounterRegistry): Promise<number> {
    const names = groups.map(group => triggerName(group, 'after insert'));
    const [table, column, condition] = isSqlite(this.#em)
      ? ['sqlite_master', 'name', "type = 'trigger'"]
      : ['information_schema.triggers', 'trigger_name', 'trigger_schema = database()'];
    const found = await this.#rows(
      `select count(*) as found from ${table} where ${condition} and ${column} in (${names.map(() => '?').join(', ')})`,
      names,
    );
    return Number(found[0]!['found']);
  }

  get #forUpdate(): string {
    return isSqlite(this.#em) ? '' : ' for update';
  }

  #keyIn(columns: readonly string[], keys: readonly Key[]): string {
    return keyIn(this.#em, columns, keys).sql;
  }

  #list(columns: readonly string[]): string {
    return columns.map(column => this.#quote(column)).join(', ');
  }

  #table(meta: EntityMetadata): string {
    return tableName(this.#em, meta);
  }

  #quote(identifier: string): string {
    return quoted(this.#em, identifier);
  }

  #rows(sql: string, parameters: readonly unknown[]): Promise<CountedRow[]> {
    return this.#execute<CountedRow[]>(sql, parameters, 'all');
  }

  #execute<Result>(sql: string, parameters: readonly unknown[], method: 'all' | 'run'): Promise<Result> {
    const driver = this.#em.getDriver() as AbstractSqlDriver;
    return driver.execute(sql, [...parameters], method, this.#transaction) as Promise<Result>;
  }
}

function tell(
  { target }: CounterGroup,
  key: Key,
  changed: readonly { counter: ResolvedCounter; amount: number }[],
): void {
  if (!storedCountUpdates.hasSubscribers) return;
  const changes = changed.map(({ counter: { name }, amount }) => ({ counter: name, amount }));
  storedCountUpdates.publish({ target: target.className, key, changes } satisfies StoredCountUpdate);
}

/** Gives the error for a target row that is not there: COUNTER_TARGET_MISSING. */
export function targetMissing({ target }: CounterGroup, key: Key): CounterError {
  return new CounterError(
    'COUNTER_TARGET_MISSING',
    `${target.className} ${key.join(', ')} is not there (any more), so nothing can be counted into it.`,
  );
}
