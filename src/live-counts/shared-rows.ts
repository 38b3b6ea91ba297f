import type { Key } from '../entities/index.js';
import type { CourseRow } from '../reading/index.js';

/**
 * One row for each course, shared by all subscribers that are sent the same: each of them reads a row of its own, with
 * its texts, and thousands of rows may wait to be sent.
 */
export class SharedRows {
  readonly #rows = new Map<Key, CourseRow>();

  /** Returns the shared row of a course if it equals the given one; otherwise the given one is shared from now on. */
  of(row: CourseRow): CourseRow {
    const shared = this.#rows.get(row.id);
    if (shared && isSameRow(shared, row)) return shared;
    this.#rows.set(row.id, row);
    return row;
  }

  /** Removes the row of a course that is gone. */
  delete(id: Key): void {
    this.#rows.delete(id);
  }

  /** Removes all rows. */
  clear(): void {
    this.#rows.clear();
  }
}

function isSameRow(one: CourseRow, other: CourseRow): boolean {
  // The value by which a page is sorted does not belong to the course.
  return (Object.keys(one) as (keyof CourseRow)[]).every(
    column => column === 'sort' || valueOf(one[column]) === valueOf(other[column]),
  );
}

function valueOf(value: unknown): unknown {
  return value instanceof Date ? value.getTime() : value;
}
