/** Reports a migration that the database's user may not apply; its message holds the statement that lets it. */
export class MissingPrivilegeError extends Error {
  override readonly name = 'MissingPrivilegeError';
  readonly code = 'MISSING_PRIVILEGE';

  /**
   * Takes the account as the server gives it, `user@host`; with a cause it is not known which of the privileges is
   * missing.
   */
  constructor(privileges: readonly string[], database: string, account: string, options?: ErrorOptions) {
    const join = options?.cause === undefined ? ' and ' : ' or ';
    const at = account.lastIndexOf('@');
    const grantee = `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
    super(
      `The user ${account} may not apply the migrations: it lacks ${privileges.join(join)} on ${database}. ${options?.cause === undefined ? 'Nothing was changed. ' : ''}` +
        `As an administrator: GRANT ${privileges.join(', ')} ON \`${database}\`.* TO ${grantee}; then migrate again.`,
      options,
    );
  }
}
