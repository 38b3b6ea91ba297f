import type { CourseRow } from '../reading/index.js';

/**
 * Holds one row for each course, for all subscribers that are to be told the same: each reads rows of its own, with
 * their texts, and thousands of them may wait.
 */
export class SharedRows {
  readonly #rows = new Map<number, CourseRow>();

  /** Returns the row that others have, where it says the same; else this one, for others to have. */
  of(row: CourseRow): CourseRow {
    const known = this.#rows.get(row.id);
    if (known && isSameRow(known, row)) return known;
    this.#rows.set(row.id, row);
    return row;
  }

  /** Forgets a course that is gone. */
  delete(id: number): void {
    this.#rows.delete(id);
  }

  /** Forgets all. */
  clear(): void {
    this.#rows.clear();
  }
}

function isSameRow(one: CourseRow, other: CourseRow): boolean {
  // By what a page is sorted is none of the course's own.
  return (Object.keys(one) as (keyof CourseRow)[]).every(
    column => column === 'sort' || valueOf(one[column]) === valueOf(other[column]),
  );
}

function valueOf(value: unknown): unknown {
  return value instanceof Date ? value.getTime() : value;
}
