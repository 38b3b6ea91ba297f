/** Statements that are built once for each shape, and then run with other values as often as requests have that shape. */
import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Compilable } from 'kysely';
import { LRUCache } from 'lru-cache';
import { compiledValues } from './compiled-values.js';
import type { Database } from './database.js';
import { preparedValues } from './prepared-values.js';

/** The most statements that are kept for a database; the least recently used is dropped first. */
const MAX_KNOWN_STATEMENTS = 500;

/** The place of a value in a statement that is being built; the query builder takes it for the value itself. */
class ValuePlace<Given> {
  constructor(readonly valueIn: (given: Given) => unknown) {}
}

/** Returns, while a statement is built, what stands for a value that is only known when the statement runs. */
export type PlaceFor<Given> = <Value>(valueIn: (given: Given) => Value) => Value;

/** A statement with its text, and the way to the values for it. */
interface KnownStatement {
  readonly sql: string;
  readonly values: readonly unknown[];
}

/** The known statements by the driver of their database, which its transactions share. */
const statementsOf = new WeakMap<object, LRUCache<string, KnownStatement>>();

/**
 * Runs the statement of a shape with the values of `given`, and returns its raw rows. `build` makes the query, with a
 * place for each value that differs between statements of the shape; everything else must be part of the shape.
 */
export async function rowsOfShape<Given, Row>(
  database: Database,
  shape: string,
  given: Given,
  build: (place: PlaceFor<Given>) => Compilable<Row>,
): Promise<Row[]> {
  const { sql, values } = statementOf(database.driver, shape, build);
  return database.em.getConnection('read').execute<Row[]>(sql, preparedValues(filled(values, given)), 'all');
}

/** Runs the statement of a shape within the transaction of an entity manager, as rowsOfShape() runs it outside. */
export async function rowsOfShapeWithin<Given, Row>(
  em: SqlEntityManager,
  shape: string,
  given: Given,
  build: (place: PlaceFor<Given>) => Compilable<Row>,
): Promise<Row[]> {
  const { sql, values } = statementOf(em.getDriver(), shape, build);
  return em.execute<Row[]>(sql, filled(values, given));
}

function filled<Given>(values: readonly unknown[], given: Given): unknown[] {
  return compiledValues(
    values.map(value => (value instanceof ValuePlace ? (value as ValuePlace<Given>).valueIn(given) : value)),
  );
}

function statementOf<Given, Row>(
  driver: object,
  shape: string,
  build: (place: PlaceFor<Given>) => Compilable<Row>,
): KnownStatement {
  let known = statementsOf.get(driver);
  if (!known) statementsOf.set(driver, (known = new LRUCache<string, KnownStatement>({ max: MAX_KNOWN_STATEMENTS })));
  const found = known.get(shape);
  if (found) return found;
  const { sql, parameters } = build(
    <Value>(valueIn: (values: Given) => Value) => new ValuePlace<Given>(valueIn) as unknown as Value,
  ).compile();
  const made: KnownStatement = { sql, values: parameters };
  known.set(shape, made);
  return made;
}

/** The lengths of lists of values in statements; a shorter list is filled up with its last value. */
const LIST_LENGTHS = [1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000];

/**
 * Returns the length for a list of values, such as the ids in a condition, so that there are few shapes; null for a list
 * that is too long to have a shape.
 */
export function listLength(count: number): number | null {
  return LIST_LENGTHS.find(length => length >= count) ?? null;
}

/** Returns the places of a list of values, which is filled up with its last value. */
export function listOf<Given, Value>(
  place: PlaceFor<Given>,
  length: number,
  listIn: (given: Given) => readonly Value[],
): Value[] {
  return Array.from({ length }, (_, index) =>
    place(given => {
      const list = listIn(given);
      return list[Math.min(index, list.length - 1)]!;
    }),
  );
}
