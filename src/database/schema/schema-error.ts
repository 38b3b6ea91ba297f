/** Names why a schema is not one that Rollcall can work on. */
export type SchemaErrorCode = 'SCHEMA_NOT_OURS' | 'SCHEMA_NEWER' | 'SCHEMA_INCOMPLETE';

/** Reports a schema that Rollcall did not make, or not as this version would; nothing was changed. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';

  constructor(
    readonly code: SchemaErrorCode,
    message: string,
  ) {
    super(message);
  }
}
