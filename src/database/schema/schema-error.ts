/** The reasons why Rollcall cannot work on a schema. */
type SchemaErrorCode = 'SCHEMA_NOT_OURS' | 'SCHEMA_NEWER' | 'SCHEMA_INCOMPLETE';

/** The error of a schema that Rollcall did not make, or not in the form of this version; nothing was changed. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';

  constructor(
    readonly code: SchemaErrorCode,
    message: string,
  ) {
    super(message);
  }
}
