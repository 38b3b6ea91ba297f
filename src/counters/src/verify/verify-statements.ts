import type { EntityMetadata } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { requireRegistry } from '../declarations/registry.js';
import { numberSql, readableSql, totalSql, unitsRead, valueOf } from '../declarations/amounts.js';
import type { CountValue } from '../sql/units.js';
import { joinedSql, refersTo, wayOf, type Way } from '../declarations/levels.js';
import type { ResolvedCounter } from '../declarations/counter-group.js';
import { keyColumns } from '../declarations/key-parts.js';
import type { LocatedGroup } from '../declarations/schemas.js';
import { dialectOf } from '../sql/dialects/dialects.js';
import { isUnsafeNumber, UnsafeNumberError } from '../sql/exact-number.js';
import { inRange, queryRows, quoted, tableName, type Fragment, type KeyRange, type Row } from '../sql/fragments.js';
import type { Key } from '../sql/key.js';
import { plainTableName } from '../sql/schemas.js';

/** One target row in one snapshot: the stored and the actual number of each counter, in the groups' order. */
export interface ComparedTarget {
  readonly key: Key;
  readonly counts: readonly { readonly counter: string; readonly stored: CountValue; readonly actual: CountValue }[];
}

/** The rows of one group that are counted on one way, with the counters that do so, by their places in the group. */
interface Source {
  readonly alias: string;
  readonly place: number;
  readonly way: Way['groups'];
  readonly counters: readonly (readonly [index: number, counter: ResolvedCounter])[];
}

/** Returns the rows that the counters of a group count. */
function sourcesOf(em: SqlEntityManager, group: LocatedGroup, place: number): Source[] {
  const ways = group.counters.map((counter, index) => ({ index, ...wayOf(em, requireRegistry(em), group, counter) }));
  return [...Map.groupBy(ways, ({ groups }) => groups[0])].map(([, same], index) => ({
    alias: `g${place}${index === 0 ? '' : `_${index}`}`,
    place,
    way: same[0]!.groups,
    counters: same.map(one => [one.index, one.counter] as const),
  }));
}

/** A stored count, and the names under which a statement reads it and the numbers of its rows. */
interface StoredPlaces {
  readonly counter: ResolvedCounter;
  readonly stored: string;
  readonly actual: readonly { readonly counter: ResolvedCounter; readonly name: string }[];
}

/** Returns each column that stores counts of groups, once. */
function storedPlaces(groups: readonly LocatedGroup[]): StoredPlaces[] {
  const places = groups.flatMap((group, place) =>
    group.counters.map((counter, index) => ({ counter, at: `${place}_${index}` })),
  );
  return [...Map.groupBy(places, ({ counter }) => counter.column).values()].map(same => ({
    counter: same[0]!.counter,
    stored: `s${same[0]!.at}`,
    actual: same.map(({ counter, at }) => ({ counter, name: `a${at}` })),
  }));
}

/** The statements that verify one target table. They take no locks. */
export class VerifyStatements {
  readonly #key: readonly string[];
  readonly #sources: readonly Source[];
  readonly #stored: readonly StoredPlaces[];

  constructor(
    private readonly em: SqlEntityManager,
    private readonly target: EntityMetadata,
    private readonly groups: readonly LocatedGroup[],
  ) {
    this.#key = keyColumns(target);
    this.#sources = groups.flatMap((group, place) => sourcesOf(em, group, place));
    this.#stored = storedPlaces(groups);
  }

  /** Reads the last key of the table, or the last one up to a key; null where there is none. */
  async lastKey(upTo?: Key): Promise<Key | null> {
    const range = upTo && inRange(this.em, this.#key, { after: null, upTo });
    return this.#keyOf(
      await this.#rows({
        sql: `select ${this.#list()} from ${this.#table}${range ? ` where ${range.sql}` : ''} order by ${this.#list(' desc')} limit 1`,
        parameters: range?.parameters ?? [],
      }),
    );
  }

  /** Reads the key of the last one of `size` rows of a range; null where there are fewer. */
  async keyAfter(range: KeyRange, size: number): Promise<Key | null> {
    const { sql, parameters } = inRange(this.em, this.#key, range);
    return this.#keyOf(
      await this.#rows({
        sql: `select ${this.#list()} from ${this.#table} where ${sql} order by ${this.#list()} limit 1 offset ${size - 1}`,
        parameters,
      }),
    );
  }

  /**
   * Compares the target rows of a range with their counted rows, in key order. It is one statement and so one snapshot:
   * what another transaction commits meanwhile is in both numbers or in neither.
   */
  async compare(range: KeyRange): Promise<ComparedTarget[]> {
    const columns = this.#key.map((column, index) => `t.${quoted(this.em, column)} as k${index}`);
    const joins = this.#sources.map(source => this.#counted(source, range));
    for (const { alias, place, counters } of this.#sources) {
      for (const [index] of counters) {
        const counter = this.groups[place]!.counters[index]!;
        const read = (amount: string): string => (counter.amount.of ? readableSql(this.em, amount) : amount);
        columns.push(
          `${read(numberSql(this.em, counter, 't.'))} as s${place}_${index}`,
          `${read(`coalesce(${alias}.c${index}, 0)`)} as a${place}_${index}`,
        );
      }
    }
    const chosen = inRange(this.em, this.#key, range, 't.');
    try {
      const rows = await this.#rows({
        sql: `select ${columns.join(', ')} from ${this.#table} t ${joins.map(({ sql }) => sql).join(' ')} where ${chosen.sql} order by ${this.#list('', 't.')}`,
        parameters: [...joins.flatMap(({ parameters }) => parameters), ...chosen.parameters],
      });
      return rows.map(row => ({
        key: this.#key.map((_, index) => row[`k${index}`]),
        counts: this.#countsIn(row),
      }));
    } catch (error) {
      if (isUnsafeNumber(error)) await this.#refuseUnsafeCounts(range);
      throw error;
    }
  }

  /** Returns the counts of one row. Counters that share a column have the sum of their rows there. */
  #countsIn(row: Row): ComparedTarget['counts'] {
    return this.#stored.map(({ counter, stored, actual }) => {
      const rows = actual.reduce((sum, one) => sum + unitsRead(one.counter, row[one.name]), 0n);
      return {
        counter: counter.name,
        stored: valueOf(counter, unitsRead(counter, row[stored])),
        actual: valueOf(counter, rows),
      };
    });
  }

  /**
   * Throws UnsafeNumberError for the first stored count of a range that is beyond 2^53 − 1, with its row and the
   * statement that repairs it.
   */
  async #refuseUnsafeCounts(range: KeyRange): Promise<void> {
    const chosen = inRange(this.em, this.#key, range);
    const numbers = this.groups
      .flatMap(({ counters }) => counters)
      .filter(({ amount: { into } }) => into.property.runtimeType === 'number' && into.digits === undefined);
    for (const { name, column } of numbers) {
      const count = quoted(this.em, column);
      const { textType: text } = dialectOf(this.em);
      const keys = this.#key.map((one, index) => `cast(${quoted(this.em, one)} as ${text}) as k${index}`);
      const sql = `select ${keys.join(', ')}, cast(${count} as ${text}) as found from ${this.#table} where ${chosen.sql} and (${count} > ${Number.MAX_SAFE_INTEGER} or ${count} < -${Number.MAX_SAFE_INTEGER}) order by ${this.#list()} limit 1`;
      const [row] = await this.#rows({ sql, parameters: chosen.parameters });
      if (!row) continue;
      const found = this.#key.map((one, index) => `${one} = ${String(row[`k${index}`])}`);
      throw new UnsafeNumberError(String(row['found']), `${name} of the row with ${found.join(' and ')}`, {
        hint: `Mend it by: update ${plainTableName(this.em, this.target)} set ${column} = 0 where ${found.join(' and ')}; then recount that row.`,
      });
    }
  }

  /**
   * Returns the subquery that counts the rows of one source for all its counters, in one pass over the part of the
   * tables that the range needs.
   */
  #counted({ alias, way, counters }: Source, range: KeyRange): Fragment {
    const rows = `${alias}_0.`;
    const last = `${alias}_${way.length - 1}.`;
    const into = way.at(-1)!;
    const { foreignKey, targetKey } = into;
    const names = foreignKey.map(column => `${last}${quoted(this.em, column)}`);
    const keys = names.map((name, index) => `${name} as k${index}`);
    const sums = counters.map(([index, counter]) => `${totalSql(this.em, counter, rows)} as c${index}`);
    const { sql, parameters } = refersTo(this.em, into, range, last);
    const equal = targetKey.map((column, index) => `${alias}.k${index} = t.${quoted(this.em, column)}`);
    return {
      sql:
        `left join (select ${[...keys, ...sums].join(', ')} from ${joinedSql(this.em, way, alias)} where ${sql} ` +
        `group by ${names.join(', ')}) ${alias} on ${equal.join(' and ')}`,
      parameters,
    };
  }

  get #table(): string {
    return tableName(this.em, this.target);
  }

  #list(direction = '', alias = ''): string {
    return this.#key.map(column => `${alias}${quoted(this.em, column)}${direction}`).join(', ');
  }

  #keyOf([row]: readonly Row[]): Key | null {
    return row ? this.#key.map(column => row[column]) : null;
  }

  #rows(query: Fragment): Promise<Row[]> {
    return queryRows(this.em, this.em.getTransactionContext(), query);
  }
}
