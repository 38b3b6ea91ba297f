/**
 * The actual cost of an operation, computed from its answer with the same prices as its possible cost. The possible cost
 * of a page of 100 rows is that of 100 rows. If the page has three, its actual cost is that of three, and so is that of
 * the fields below it.
 */
import { ownPointsOf } from './answer-cost.js';
import { isConnection, type PlacedField } from './placed-fields.js';
import { isConnectionName } from './query-cost.js';
import { readPointsOf, readPrices, type Reading } from './read-cost.js';

/**
 * The least points of a field that reads, however little it finds: a statement of about 0.25 ms, including the
 * database's time.
 */
const READ_POINTS = 50;

type SelectedAnswer = Readonly<Record<string, unknown>>;

/**
 * Returns the actual cost of an operation, in points, from the data of its answer. Infinity: unknown, because it is an
 * introspection query.
 */
export function takenBy(data: unknown, fields: readonly PlacedField[], reading: Reading): number {
  return takenAt(objectsIn(data), fields, reading);
}

function takenAt(parents: readonly SelectedAnswer[], fields: readonly PlacedField[], reading: Reading): number {
  if (parents.length === 0) return 0;
  let points = 0;
  for (const one of fields) {
    const { name, field, inner } = one;
    if (field.name === '__schema' || field.name === '__type') return Infinity;
    points += ownPointsOf(one) * parents.length;
    const given = inner.length > 0 ? parents.flatMap(parent => objectsIn(parent[name])) : [];
    if (reads(one))
      points +=
        READ_POINTS +
        readPointsOf(one, {
          ...reading,
          parents: parents.length,
          rows: isConnection(field) ? rowsIn(given, inner) / parents.length : 0,
        });
    points += takenAt(given, inner, reading);
  }
  return points;
}

/** Returns true for a field with a statement of its own; a page is read by the field that returns it. */
function reads({ key, type }: PlacedField): boolean {
  return key in readPrices && !isConnectionName(type.name);
}

/** Returns how many rows pages have. */
function rowsIn(pages: readonly SelectedAnswer[], inner: readonly PlacedField[]): number {
  const list = inner.find(({ field }) => field.name === 'nodes' || field.name === 'edges');
  return list ? pages.reduce((sum, page) => sum + objectsIn(page[list.name]).length, 0) : 0;
}

/** Returns the objects in a value of an answer: the value itself, or the entries of a list. */
function objectsIn(value: unknown): SelectedAnswer[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn);
  return typeof value === 'object' && value !== null ? [value as SelectedAnswer] : [];
}
