/** How long a transaction that repairs rows should take at most, in milliseconds: writers of these rows wait for it. */
const REPAIR_MS = 100;

/** It may also take so many times as long as one that repairs a single row, where the database is busy. */
const SINGLE_REPAIRS = 2;

/** The most rows that one transaction repairs. */
const MAX_REPAIRED_ROWS = 200;

/** The factor by which one transaction may differ from the one before. */
const MAX_STEP = 4;

/** How many rows one transaction of a recount repairs: one at first and after a conflict, and more while it is quick. */
export class RepairPace {
  #size = 1;
  #singleMs = 0;

  /** Returns how many rows a try to repair some may have, by its number from 1: after a conflict, one. */
  rowsOf(attempt: number): number {
    return attempt > 1 ? 1 : this.#size;
  }

  /** Notes how many milliseconds a repair took in all its tries, of how many rows, and in how many tries. */
  took(milliseconds: number, rows: number, tries: number): void {
    if (tries > 1) {
      this.#size = 1;
      return;
    }
    if (rows === 1) this.#singleMs = milliseconds;
    const budget = Math.max(REPAIR_MS, SINGLE_REPAIRS * this.#singleMs);
    const wanted = (rows * budget) / Math.max(1, milliseconds);
    // A few rows that were left can show that others were too many, but not that they were too few.
    const most = rows < this.#size ? this.#size : this.#size * MAX_STEP;
    const size = Math.min(MAX_REPAIRED_ROWS, most, Math.max(this.#size / MAX_STEP, wanted));
    this.#size = Math.max(1, Math.round(size));
  }
}
