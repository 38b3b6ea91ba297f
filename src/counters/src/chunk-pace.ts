/** Says how large chunks may be, in rows, and how long one should take, in milliseconds. */
export interface ChunkBounds {
  readonly first?: number;
  readonly least?: number;
  readonly most?: number;
  readonly milliseconds?: number;
}

/** Limits by how much one chunk can differ from the one before: a single slow answer says little. */
const LARGEST_STEP = 4;

/** Sizes chunks so that each takes about the same time, 200 ms unless said otherwise, with 10 to 10,000 rows. */
export class ChunkPace {
  readonly #bounds: Required<ChunkBounds>;
  #size: number;

  constructor(bounds: ChunkBounds = {}) {
    this.#bounds = { first: 200, least: 10, most: 10_000, milliseconds: 200, ...bounds };
    this.#size = this.#bounds.first;
  }

  /** Is the number of rows that the next chunk should have. */
  get size(): number {
    return this.#size;
  }

  /** Takes note of how long a chunk of so many rows took, in milliseconds. */
  took(milliseconds: number, rows: number): void {
    const wanted = (rows * this.#bounds.milliseconds) / Math.max(1, milliseconds);
    // A chunk that was cut short, as the last one is, can show that chunks are too large, but not that they are too
    // small.
    const most = rows < this.#size ? this.#size : this.#size * LARGEST_STEP;
    this.#set(Math.min(most, Math.max(this.#size / LARGEST_STEP, wanted)));
  }

  /** Halves the chunks to come: the database has other work to do. */
  slowDown(): void {
    this.#set(this.#size / 2);
  }

  #set(size: number): void {
    this.#size = Math.round(Math.min(this.#bounds.most, Math.max(this.#bounds.least, size)));
  }
}
