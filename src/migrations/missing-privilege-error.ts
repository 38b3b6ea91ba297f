/** Reports a migration that the database's user may not apply; its message holds the statement that lets it. */
export class MissingPrivilegeError extends Error {
  override readonly name = 'MissingPrivilegeError';
  readonly code = 'MISSING_PRIVILEGE';

  /** Takes the account as the server gives it: `user@host`. */
  constructor(privileges: readonly string[], database: string, account: string, options?: ErrorOptions) {
    const at = account.lastIndexOf('@');
    const grantee = `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
    super(
      `The user ${account} may not apply this migration: it lacks ${privileges.join(' or ')} on ${database}. ` +
        `As an administrator: GRANT ${privileges.join(', ')} ON \`${database}\`.* TO ${grantee}; then migrate again.`,
      options,
    );
  }
}
