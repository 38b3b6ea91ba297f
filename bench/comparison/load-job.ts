/** What the load generator is asked to do. */
export interface LoadJob {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** How many clients send at once, each its next request when the last is answered. */
  readonly clients: number;
  readonly seconds: number;
  readonly bodies: readonly string[];
  /** Whether each body is sent at most once, by any client; otherwise each client sends its own part of them again and again. */
  readonly once: boolean;
}

/** What came back. */
export interface LoadResult {
  /** Answers without an error that came in time. */
  readonly succeeded: number;
  /** Answers with an error, and connections that broke. */
  readonly failed: number;
  /** All answers, with those after the time. */
  readonly answered: number;
  readonly milliseconds: number;
  /** Latencies in milliseconds; null: nothing was answered. */
  readonly p50: number | null;
  readonly p99: number | null;
  /** The beginning of one failed answer. */
  readonly failure: string | null;
}
