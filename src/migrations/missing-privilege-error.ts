/** Reports a migration that the database's user may not apply; its message holds the statement that lets it. */
export class MissingPrivilegeError extends Error {
  override readonly name = 'MissingPrivilegeError';
  readonly code = 'MISSING_PRIVILEGE';
}
