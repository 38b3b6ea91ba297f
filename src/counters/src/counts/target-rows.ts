import type { Transaction } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { changedSql, literalSql, numberSql, storedSql, unitsRead } from '../declarations/amounts.js';
import type { CounterGroup, ResolvedCounter, Touch } from '../declarations/counter-group.js';
import { onwardOf } from '../declarations/levels.js';
import { registryOf } from '../declarations/registry.js';
import { touchedBy } from '../declarations/touches.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { columnList, execute, keyIn, queryRows, quoted, tableName, type Fragment, type Row } from '../sql/fragments.js';
import { compareKeys, distinctKeys, hashOf, type Key } from '../sql/key.js';
import type { KeyedDelta } from './deltas.js';

// The SQL is written out rather than built: a query builder would bump a target's optimistic version, apply filters, or
// add joins, and the order of the locks is the protocol itself.

/**
 * A locked target row: the key to which foreign keys refer and the primary key, both as the database spells them, and
 * its stored counts in the order of the group's counters and in the units of their columns.
 */
export interface LockedTarget {
  readonly key: Key;
  readonly primaryKey: Key;
  /** The primary keys by which memory may have the row. */
  readonly spellings: Key[];
  stored: bigint[];
  /** The row, with its foreign keys by which other stored counts sum these, and with what is touched. */
  readonly row: Row;
}

/** The most target rows that one statement locks or changes. */
const MAX_LOCKED_ROWS = 500;

/** About the most parameters of one statement; SQLite takes 32,766. */
const MAX_PARAMETERS = 10_000;

/** Which keys of target rows are given: those to which the foreign key refers, or the primary keys. */
export type KindOfKey = 'referred' | 'primary';

/**
 * Locks target rows in ascending key order and returns them by the hash of the key that was asked for; a row that does
 * not exist is left out.
 */
export async function lockTargetRows(
  em: SqlEntityManager,
  transaction: Transaction,
  group: CounterGroup,
  keys: readonly Key[],
  kind: KindOfKey = 'referred',
): Promise<Map<string, LockedTarget>> {
  const registry = registryOf(em);
  const onwards = registry?.hasLevels ? onwardOf(em, registry, group) : [];
  const plain = new Set([
    ...group.targetKey,
    ...group.primaryKey,
    ...onwards.flatMap(onward => onward.group.foreignKey),
    ...touchedBy(group.counters).map(({ touch }) => touch.column),
  ]);
  const columns = [
    ...[...plain].map(column => quoted(em, column)),
    ...group.counters.map(counter => storedSql(em, counter)),
  ];
  const locked = new Map<string, LockedTarget>();
  const sorted = keys.toSorted(compareKeys);
  // A collation may order text in another way than JavaScript, so only numbers are left to the database to put in order.
  const size = hasNumbers(group) ? MAX_LOCKED_ROWS : 1;
  const columnsAsked = kind === 'primary' ? group.primaryKey : group.targetKey;
  for (let start = 0; start < sorted.length; start += size) {
    const chunk = sorted.slice(start, start + size);
    const chosen = keyIn(em, columnsAsked, chunk);
    const rows = await queryRows(em, transaction, {
      sql:
        `select ${columns.join(', ')} from ${tableByKey(em, group, chunk)} where ${chosen.sql} ` +
        `order by ${columnList(em, columnsAsked)}${dialectOf(em).forUpdate}`,
      parameters: chosen.parameters,
    });
    for (const row of rows) {
      const key = group.targetKey.map(column => row[column]);
      // By the same collation, a text may find a row that spells it differently.
      locked.set(hashOf(size === 1 ? chunk[0]! : key), {
        key,
        primaryKey: group.primaryKey.map(column => row[column]),
        spellings: [],
        stored: group.counters.map(counter => unitsRead(counter, row[counter.column])),
        row,
      });
    }
  }
  return locked;
}

/** Returns the deltas of one table, which are in ascending order, such that one UPDATE adds each list of them. */
export function batchesOf(deltas: readonly KeyedDelta[]): KeyedDelta[][] {
  // For other keys only the order of single statements is known.
  if (!deltas.every(({ group }) => hasNumbers(group))) return deltas.map(delta => [delta]);
  const byGroup = Map.groupBy(deltas, ({ group }) => group);
  return [...byGroup].flatMap(([{ counters }, some]) => {
    // An UPDATE names a key once, for each counter up to twice more, and for what is touched once more.
    const names = 1 + 2 * counters.length + touchedBy(counters).length;
    const size = Math.min(MAX_LOCKED_ROWS, Math.ceil(MAX_PARAMETERS / names));
    return Array.from({ length: Math.ceil(some.length / size) }, (_, index) =>
      some.slice(index * size, (index + 1) * size),
    );
  });
}

/**
 * Returns true for targets whose primary keys are single whole numbers, which the database sorts as JavaScript does. By
 * another column, the order in which one statement locks several rows is not known.
 */
export function hasNumbers({ targetParts, uniqueKey }: CounterGroup): boolean {
  return uniqueKey === undefined && targetParts.length === 1 && targetParts[0]!.kind === 'whole';
}

/**
 * Locks the target rows of some groups of one table in ascending order of their primary keys, where some of the groups
 * find them by other columns. It gives the locks an order, and is no more than that: keys are looked up without a lock.
 */
export async function lockInOrder(
  em: SqlEntityManager,
  transaction: Transaction,
  referred: readonly (readonly [group: CounterGroup, keys: readonly Key[]])[],
  primaryKeys: readonly Key[],
): Promise<void> {
  const { primaryKey, target, targetSchema } = referred[0]![0];
  const table = tableName(em, target, targetSchema);
  const columns = columnList(em, primaryKey);
  const all = [...primaryKeys];
  const read = async (by: readonly string[], key: Key, lock: string): Promise<Row[]> => {
    const { sql, parameters } = keyIn(em, by, [key]);
    return queryRows(em, transaction, { sql: `select ${columns} from ${table} where ${sql}${lock}`, parameters });
  };
  for (const [{ targetKey, uniqueKey }, keys] of referred) {
    if (uniqueKey === undefined) all.push(...keys);
    else
      for (const key of keys)
        for (const row of await read(targetKey, key, '')) all.push(primaryKey.map(column => row[column]));
  }
  for (const key of distinctKeys(all).toSorted(compareKeys)) await read(primaryKey, key, dialectOf(em).forUpdate);
}

/** Returns true for a change that takes away from a count which may not fall below 0. */
export function isGuarded({ counter, amount }: Change): boolean {
  return amount < 0n && !counter.amount.mayBeNegative;
}

/** What an UPDATE touches: a property, its new date, and those of the deltas whose targets get it. */
export interface Touching {
  readonly touch: Touch;
  /** Undefined for a number. */
  readonly date: Date | undefined;
  readonly deltas: readonly KeyedDelta[];
}

/**
 * Adds deltas of one group to those target rows that exist and have enough of each, touches them, and returns their
 * number.
 */
export function addToTargetRows(
  em: SqlEntityManager,
  transaction: Transaction,
  batch: readonly KeyedDelta[],
  touching: readonly Touching[] = [],
): Promise<number> {
  const { group } = batch[0]!;
  const keys = batch.map(({ target }) => target.key);
  const additions = group.counters.flatMap((counter, index) => additionsTo(em, counter, index, batch));
  const sets = [...additions.map(({ set }) => set), ...touching.map(one => touchOf(em, one, batch))];
  const guards = additions.flatMap(addition => addition.guards);
  const chosen = keyIn(em, group.targetKey, keys);
  const where = [chosen, ...guards];
  return execute(em, transaction, {
    sql: `update ${tableByKey(em, group, keys)} set ${sets.map(({ sql }) => sql).join(', ')} where ${where.map(({ sql }) => sql).join(' and ')}`,
    parameters: [...sets, ...where].flatMap(({ parameters }) => parameters),
  });
}

/** Returns the assignment that touches the targets of some deltas, among those of a batch. */
function touchOf(em: SqlEntityManager, { touch, date, deltas }: Touching, batch: readonly KeyedDelta[]): Fragment {
  const name = quoted(em, touch.column);
  const [sql, values] = date ? ['?', [em.getPlatform().processDateProperty(date)]] : [`${name} + 1`, []];
  if (deltas.length === batch.length) return { sql: `${name} = ${sql}`, parameters: values };
  const isOfThese = keyIn(
    em,
    batch[0]!.group.targetKey,
    deltas.map(({ target }) => target.key),
  );
  return {
    sql: `${name} = case when ${isOfThese.sql} then ${sql} else ${name} end`,
    parameters: [...isOfThese.parameters, ...values],
  };
}

/** What an UPDATE adds to one column: the assignment, and the conditions that its rows have enough. */
interface Addition {
  readonly set: Fragment;
  readonly guards: readonly Fragment[];
}

/** Returns what deltas of one group add to the column of the counter at a place; an empty list: nothing. */
function additionsTo(
  em: SqlEntityManager,
  counter: ResolvedCounter,
  index: number,
  batch: readonly KeyedDelta[],
): Addition[] {
  const { column, amount: about } = counter;
  const byAmount = [...Map.groupBy(batch, ({ amounts }) => amounts[index]!)].map(([amount, same]) => ({
    amount,
    same,
  }));
  const set = (change: string, parameters: readonly unknown[]): Fragment => ({
    sql: `${quoted(em, column)} = ${changedSql(em, counter, `+ ${change}`)}`,
    parameters,
  });
  const number = numberSql(em, counter);
  if (byAmount.length === 1) {
    const { amount } = byAmount[0]!;
    if (amount === 0n) return [];
    // A count as a parameter, so that many statements have one text.
    const [value, parameters] = about.of ? [literalSql(counter, amount), []] : ['?', [Number(amount)]];
    const [least, bounds] = about.of ? [literalSql(counter, -amount), []] : ['?', [Number(-amount)]];
    const guards = isGuarded({ counter, amount }) ? [{ sql: `${number} >= ${least}`, parameters: bounds }] : [];
    return [{ set: set(value, parameters), guards }];
  }
  const cases = byAmount
    .filter(({ amount }) => amount !== 0n)
    .map(({ amount, same }) => ({
      amount,
      isOfThese: keyIn(
        em,
        same[0]!.group.targetKey,
        same.map(({ target }) => target.key),
      ),
    }));
  // Numbers are written out, because not every database knows the type of a parameter here.
  const amounts = cases.map(({ amount, isOfThese }) => `when ${isOfThese.sql} then ${literalSql(counter, amount)}`);
  const parameters = cases.flatMap(({ isOfThese }) => isOfThese.parameters);
  const guards = cases
    .filter(({ amount }) => isGuarded({ counter, amount }))
    .map(({ amount, isOfThese }) => ({
      sql: `not (${isOfThese.sql} and ${number} < ${literalSql(counter, -amount)})`,
      parameters: isOfThese.parameters,
    }));
  return [{ set: set(`case ${amounts.join(' ')} else 0 end`, parameters), guards }];
}

/** Returns the target's table, of which a statement reads no rows but those of some keys. */
export function tableByKey(em: SqlEntityManager, { target, targetSchema }: CounterGroup, keys: readonly Key[]): string {
  // A server reads a small table as a whole to find several rows, and waits for others that are locked.
  return `${tableName(em, target, targetSchema)}${keys.length > 1 ? dialectOf(em).byPrimaryKey : ''}`;
}

/** What is added to one of the counts of a target row, in units of its column. */
interface Change {
  readonly counter: ResolvedCounter;
  readonly amount: bigint;
}

/** Returns the counters of a group whose amounts are not zero. */
export function changesIn(group: CounterGroup, amounts: readonly bigint[]): Change[] {
  return group.counters
    .map((counter, index) => ({ counter, amount: amounts[index]! }))
    .filter(({ amount }) => amount !== 0n);
}
