/**
 * A migration that the database's user may not apply; the message contains the statement that grants the privileges.
 */
export class MissingPrivilegeError extends Error {
  override readonly name = 'MissingPrivilegeError';
  readonly code = 'MISSING_PRIVILEGE';
}
