/** The kinds of problems that a caller can fix. */
export enum UserErrorCode {
  NOT_FOUND = 'NOT_FOUND',
  ALREADY_ENROLLED = 'ALREADY_ENROLLED',
  COURSE_FULL = 'COURSE_FULL',
  COURSE_CLOSED = 'COURSE_CLOSED',
  INVALID = 'INVALID',
  IN_USE = 'IN_USE',
  NOT_RUNNING = 'NOT_RUNNING',
}

/** A problem that the caller can fix: the path in its input, and a message with the value and a hint. */
export interface Problem {
  readonly code: UserErrorCode;
  readonly field: readonly string[] | null;
  readonly message: string;
}

/** The outcome of a use case: a value, or the problems that prevented it. */
export interface Outcome<Value> {
  readonly value: Value | null;
  readonly problems: readonly Problem[];
}

/** Returns the outcome of a use case that succeeded. */
export function done<Value>(value: Value, problems: readonly Problem[] = []): Outcome<Value> {
  return { value, problems };
}

/** Returns the outcome of a use case that was rejected and did nothing. */
export function rejected(...problems: readonly Problem[]): Outcome<never> {
  return { value: null, problems };
}

/** Returns a problem of one input field. */
export function problem(code: UserErrorCode, field: readonly string[] | null, message: string): Problem {
  return { code, field, message };
}
