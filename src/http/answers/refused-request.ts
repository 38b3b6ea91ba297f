import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';

/** The longest part of a request that an error message quotes, in characters. */
export const MAX_QUOTED_CHARACTERS = 100;

/** The rejection of a request before it reached GraphQL, as its caller is told. */
export interface RequestRefusal {
  readonly status: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** Headers of the answer besides those that all answers have. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The error of a request that the server rejects on purpose before it reaches GraphQL; not a failure. */
export class RefusedRequest extends Error {
  constructor(
    readonly statusCode: number,
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedRequest';
  }
}
