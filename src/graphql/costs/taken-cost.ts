/**
 * Reckons what an operation took, from its answer, by the same prices as its cost. The cost says what it can take at
 * most: a page of 100 rows costs 100 rows. Where the page has three, it took three, and what lies below it was read for
 * three.
 */
import { ownPointsOf } from './answer-cost.js';
import { isConnection, type PlacedField } from './placed-fields.js';
import { isConnectionName } from './query-cost.js';
import { readPointsOf, readPrices, type Reading } from './read-cost.js';

/**
 * The points that a field takes by reading at all, however little it finds: a statement of about 0.25 ms, the
 * database's time included.
 */
const READ_POINTS = 50;

type SelectedAnswer = Readonly<Record<string, unknown>>;

/**
 * Returns what an operation took, in points, from the data of its answer. Infinity: it cannot be told, since it asks
 * for the schema.
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

/** Returns whether a field has a statement of its own; a page has been read by the field that gives it. */
function reads({ key, type }: PlacedField): boolean {
  return key in readPrices && !isConnectionName(type.name);
}

/** Returns how many rows pages have. */
function rowsIn(pages: readonly SelectedAnswer[], inner: readonly PlacedField[]): number {
  const list = inner.find(({ field }) => field.name === 'nodes' || field.name === 'edges');
  return list ? pages.reduce((sum, page) => sum + objectsIn(page[list.name]).length, 0) : 0;
}

/** Returns the objects of a value of an answer: of one, or of a list of them. */
function objectsIn(value: unknown): SelectedAnswer[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn);
  return typeof value === 'object' && value !== null ? [value as SelectedAnswer] : [];
}
