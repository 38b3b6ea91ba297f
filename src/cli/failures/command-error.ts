/** The error of a command that cannot do what it was asked; its message says what to do next. */
export class CommandError extends Error {
  readonly code = 'COMMAND_REFUSED';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CommandError';
  }
}
