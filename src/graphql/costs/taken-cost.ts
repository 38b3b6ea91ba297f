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

/** The fields of a selection, by how their cost depends on an answer. */
interface PricedSelection {
  /** The points of all its fields for each object that has them, without those of their selections and of what they read. */
  readonly pointsOfEach: number;
  /** The fields whose values must be looked at. */
  readonly followed: readonly FollowedField[];
}

interface FollowedField {
  readonly placed: PlacedField;
  readonly inner: PricedSelection;
  readonly reads: boolean;
  /** The name of the list in a page, for a field that returns pages and has one selected. */
  readonly rows: string | undefined;
}

/**
 * Returns the function that computes the actual cost of an operation, in points, from the data of its answer. Infinity:
 * unknown, because it is an introspection query.
 */
export function takenCost(fields: readonly PlacedField[], reading: Reading): (data: unknown) => number {
  const selection = pricedSelection(fields);
  return data => takenAt(objectsIn(data), selection, reading);
}

/** Prices a selection once for all answers: most fields of a page cost the same in each row. */
function pricedSelection(fields: readonly PlacedField[]): PricedSelection {
  const followed = fields
    .filter(one => reads(one) || one.inner.length > 0)
    .map(placed => ({
      placed,
      inner: pricedSelection(placed.inner),
      reads: reads(placed),
      rows: isConnection(placed.field)
        ? placed.inner.find(({ field }) => field.name === 'nodes' || field.name === 'edges')?.name
        : undefined,
    }));
  return { pointsOfEach: fields.reduce((sum, one) => sum + pointsOf(one), 0), followed };
}

function pointsOf(one: PlacedField): number {
  const { name } = one.field;
  return name === '__schema' || name === '__type' ? Infinity : ownPointsOf(one);
}

function takenAt(parents: readonly SelectedAnswer[], selection: PricedSelection, reading: Reading): number {
  if (parents.length === 0) return 0;
  let points = selection.pointsOfEach * parents.length;
  for (const { placed, inner, reads: isRead, rows } of selection.followed) {
    const given: SelectedAnswer[] = [];
    if (placed.inner.length > 0) for (const parent of parents) addObjects(parent[placed.name], given);
    if (isRead)
      points +=
        READ_POINTS +
        readPointsOf(placed, {
          ...reading,
          parents: parents.length,
          rows: rows === undefined ? 0 : rowsIn(given, rows) / parents.length,
        });
    points += takenAt(given, inner, reading);
  }
  return points;
}

/** Returns true for a field with a statement of its own; a page is read by the field that returns it. */
function reads({ key, type }: PlacedField): boolean {
  return key in readPrices && !isConnectionName(type.name);
}

/** Returns how many rows pages have in the list of a name. */
function rowsIn(pages: readonly SelectedAnswer[], name: string): number {
  return pages.reduce((sum, page) => sum + objectsIn(page[name]).length, 0);
}

/** Returns the objects in a value of an answer: the value itself, or the entries of a list. */
function objectsIn(value: unknown): SelectedAnswer[] {
  const objects: SelectedAnswer[] = [];
  addObjects(value, objects);
  return objects;
}

/** Adds the objects in a value; in a loop, because this is done for each row of each answer. */
function addObjects(value: unknown, objects: SelectedAnswer[]): void {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) return void objects.push(value as SelectedAnswer);
  for (const one of value) addObjects(one, objects);
}
