/** Names each way in which the engine refuses to go on. */
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

/** Reports a refusal of the engine: a stable `code`, the value received and the way out in `message`. */
export class CounterError extends Error {
  override readonly name = 'CounterError';

  constructor(
    readonly code: CounterErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Tells whether the same work can succeed in a new transaction with freshly loaded entities. */
  get retryable(): boolean {
    return this.code === 'COUNTER_CONFLICT';
  }
}
