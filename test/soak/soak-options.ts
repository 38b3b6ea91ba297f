/** The server of a soak and its load. */
export interface SoakOptions {
  /** `sqlite`, `mysql` or `mariadb`, to start one; or the URL of an empty database. */
  readonly database: string;
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  readonly courses: number;
  readonly students: number;
  /** The number of clients that subscribe to counts, by each protocol. */
  readonly listeners: number;
  /** REQUEST_TIMEOUT of the server, in seconds. */
  readonly requestTimeout: number;
  /**
   * The part of the unaffected callers that may be told that the server is busy, between 0 and 1: more than 0 on a
   * machine that does other work too. Affected callers may then be told so whatever the fault.
   */
  readonly busy: number;
}

/** The durations of a run's parts, in seconds; each part lasts at least until its expected events were observed. */
export interface Times {
  readonly before: number;
  readonly fault: number;
  readonly after: number;
  /** The time between two inspections without a fault, and the time limit of a recovery; null: no limit. */
  readonly checkEvery: number | null;
  readonly recoversWithin: number | null;
}
