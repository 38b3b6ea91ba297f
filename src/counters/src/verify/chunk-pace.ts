/** How many rows the first, the smallest and the largest chunk may have, and how many milliseconds one should take. */
export interface ChunkBounds {
  readonly first?: number;
  readonly least?: number;
  readonly most?: number;
  readonly milliseconds?: number;
}

/** The factor by which one chunk may differ from the one before: a single slow answer proves little. */
const MAX_STEP = 4;

/** Sizes of chunks, such that each takes about the same time; by default 200 ms, with 10 to 10,000 rows. */
export class ChunkPace {
  readonly #bounds: Required<ChunkBounds>;
  #size: number;

  constructor(bounds: ChunkBounds = {}) {
    this.#bounds = { first: 200, least: 10, most: 10_000, milliseconds: 200, ...bounds };
    this.#size = this.#bounds.first;
  }

  /** The number of rows that the next chunk should have. */
  get size(): number {
    return this.#size;
  }

  /** Records the milliseconds that a chunk of so many rows took. */
  took(milliseconds: number, rows: number): void {
    const wanted = (rows * this.#bounds.milliseconds) / Math.max(1, milliseconds);
    // A short chunk, as the last one is, can show that chunks are too large, but not that they are too small.
    const most = rows < this.#size ? this.#size : this.#size * MAX_STEP;
    this.#set(Math.min(most, Math.max(this.#size / MAX_STEP, wanted)));
  }

  /** Halves the next chunks, because the database has other work to do. */
  slowDown(): void {
    this.#set(this.#size / 2);
  }

  #set(size: number): void {
    this.#size = Math.round(Math.min(this.#bounds.most, Math.max(this.#bounds.least, size)));
  }
}
