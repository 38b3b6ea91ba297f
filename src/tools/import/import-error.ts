/**
 * The reasons that stop an import before its first row: a file that cannot be read, or one without the columns that it
 * needs.
 */
export type ImportErrorCode = 'IMPORT_FILE' | 'IMPORT_HEADER';

/** The error of a file that cannot be imported at all; its message says why, and what to do. */
export class ImportError extends Error {
  constructor(
    readonly code: ImportErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ImportError';
  }
}
