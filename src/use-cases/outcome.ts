/** Names what a caller can fix. */
export enum UserErrorCode {
  NOT_FOUND = 'NOT_FOUND',
  ALREADY_ENROLLED = 'ALREADY_ENROLLED',
  COURSE_FULL = 'COURSE_FULL',
  COURSE_CLOSED = 'COURSE_CLOSED',
  INVALID = 'INVALID',
  IN_USE = 'IN_USE',
  NOT_RUNNING = 'NOT_RUNNING',
}

/** Says what a caller can fix: the path in its input, and a message with the value and the way out. */
export interface Problem {
  readonly code: UserErrorCode;
  readonly field: readonly string[] | null;
  readonly message: string;
}

/** Is what a use case gives back: a value, or the problems for which there is none. */
export interface Outcome<Value> {
  readonly value: Value | null;
  readonly problems: readonly Problem[];
}

/** Gives the outcome of a use case that did what was asked. */
export function done<Value>(value: Value, problems: readonly Problem[] = []): Outcome<Value> {
  return { value, problems };
}

/** Gives the outcome of a use case that did nothing. */
export function refused(...problems: readonly Problem[]): Outcome<never> {
  return { value: null, problems };
}

/** Gives a problem with one input field. */
export function problem(code: UserErrorCode, field: readonly string[] | null, message: string): Problem {
  return { code, field, message };
}
