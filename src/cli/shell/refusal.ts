import type { Problem, UserErrorCode } from '../../use-cases/outcome.js';

/** The error of a use case that was rejected, for code that expects a result. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: UserErrorCode;

  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join('\n'));
    this.code = problems[0]!.code;
  }
}
