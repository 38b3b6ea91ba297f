/** The progress of a long piece of work. */
export interface Progress {
  /** The part of `total` that is done, both in the work's own measure (rows, bytes). */
  readonly done: number;
  readonly total: number;
  /** The number of rows so far. */
  readonly rows: number;
}

/** Called now and then during a long piece of work. */
export type OnProgress = (progress: Progress) => void;
