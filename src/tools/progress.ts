/** Says how far a long piece of work has come. */
export interface Progress {
  /** Is what is done of `total`, both in the work's own measure (rows, bytes). */
  readonly done: number;
  readonly total: number;
  /** Is the number of rows so far. */
  readonly rows: number;
}

/** Is called now and then while a long piece of work goes on. */
export type OnProgress = (progress: Progress) => void;
