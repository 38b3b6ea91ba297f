/** The reasons for which the engine refuses to go on. */
export type CounterErrorCode =
  | 'COUNTER_ASSIGNED'
  | 'COUNTER_BYPASS'
  | 'COUNTER_CONFLICT'
  | 'COUNTER_DECLARATION'
  | 'COUNTER_LATE_CHANGE'
  | 'COUNTER_STRATEGY'
  | 'COUNTER_TARGET_MISSING'
  | 'COUNTER_TRANSACTION'
  | 'COUNTER_UNDERFLOW';

/** An error of the engine: a stable `code`, and a `message` with the value received and what to do next. */
export class CounterError extends Error {
  override readonly name = 'CounterError';

  constructor(
    readonly code: CounterErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** True where the same work can succeed in a new transaction with freshly loaded entities. */
  get retryable(): boolean {
    return this.code === 'COUNTER_CONFLICT';
  }
}
