/**
 * Names what stops an import before its first row: a file that cannot be read, or one without the columns that it
 * needs.
 */
export type ImportErrorCode = 'IMPORT_FILE' | 'IMPORT_HEADER';

/** Says why a file cannot be imported at all, and what to do. */
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
