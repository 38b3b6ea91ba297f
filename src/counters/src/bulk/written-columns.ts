import { isRaw, ReferenceKind, type EntityMetadata, type EntityProperty } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { isForeseeable, type Test } from '../declarations/condition.js';
import type { CounterGroup } from '../declarations/counter-group.js';
import { keyColumns } from '../declarations/key-parts.js';
import { testsIn, watchedColumns } from '../declarations/watched-columns.js';
import type { Row } from '../sql/fragments.js';
import { hashOf } from '../sql/key.js';

/** What data write to the columns by which rows are counted and found. */
export interface WrittenColumns {
  /** The values as the database gets them, by column. */
  readonly row: Row;
  /** What the data write in a way whose effect is not known before the database has done it; undefined: nothing. */
  readonly unforeseeable?: string;
}

/** Writes as MikroORM makes them of data, for the rows of one entity. */
export class ColumnWriter {
  readonly #driver;
  readonly #columns: ReadonlySet<string>;
  readonly #foreignKeys: ReadonlySet<string>;
  readonly #tests: readonly { readonly test: Test; readonly column: string }[];
  /** The names by which no column is written that matters here. */
  readonly #ignored = new Set<string>();

  constructor(
    em: SqlEntityManager,
    private readonly meta: EntityMetadata,
    groups: readonly CounterGroup[],
    private readonly convertCustomTypes = true,
  ) {
    this.#driver = em.getDriver();
    this.#columns = new Set([...keyColumns(meta), ...watchedColumns(groups)]);
    this.#foreignKeys = new Set([...keyColumns(meta), ...groups.flatMap(({ foreignKey }) => foreignKey)]);
    this.#tests = testsIn(groups).flatMap(test => test.columns.map(column => ({ test, column })));
  }

  /** Returns what data write; where rows are new, columns that are not named get what the database gives them. */
  written(data: object, rowsAreNew: boolean): WrittenColumns {
    const row: Record<string, unknown> = {};
    let unforeseeable: string | undefined;
    for (const name of Reflect.ownKeys(data)) {
      const given = (data as Record<string | symbol, unknown>)[name];
      if (typeof name === 'symbol') {
        // An INSERT leaves such names out.
        if (!rowsAreNew) unforeseeable = String(name.description);
        continue;
      }
      if (this.#ignored.has(name)) continue;
      for (const [column, value] of Object.entries(this.#columnsOf(name, given))) {
        const known = this.#known(column);
        if (known === undefined) continue;
        const twice = known in row && hashOf([row[known]]) !== hashOf([value]);
        if (known !== column || twice || (this.#foreignKeys.has(known) && !isPlain(value)))
          unforeseeable = described(name, given);
        row[known] = value;
      }
    }
    const odd = this.#tests.find(
      ({ test, column }) => (rowsAreNew || column in row) && !isForeseeable(test, row[column]),
    );
    return { row, unforeseeable: unforeseeable ?? (odd && described(odd.test.property, row[odd.column])) };
  }

  #columnsOf(name: string, value: unknown): Record<string, unknown> {
    const property = this.meta.properties[name as never] as EntityProperty | undefined;
    const isPivot = property?.kind === ReferenceKind.MANY_TO_MANY;
    if (isPivot || (property && !property.embeddedProps && !property.fieldNames?.some(one => this.#columns.has(one)))) {
      this.#ignored.add(name);
      return {};
    }
    const properties = this.meta.properties as Record<string, EntityProperty>;
    return this.#driver.mapDataToFieldNames({ [name]: value }, true, properties, this.convertCustomTypes);
  }

  /** Returns the column that a name stands for, in whatever case and with the alias of a table or without. */
  #known(column: string): string | undefined {
    if (this.#columns.has(column)) return column;
    const plain = column.slice(column.lastIndexOf('.') + 1).toLowerCase();
    return [...this.#columns].find(one => one.toLowerCase() === plain);
  }
}

/** Returns true for a value that the database stores as it is given, in a key. */
function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array;
}

function described(name: string, value: unknown): string {
  return `${name} = ${isRaw(value) ? value.sql : String(JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one)))}`;
}
