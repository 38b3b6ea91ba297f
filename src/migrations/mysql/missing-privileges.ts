import { MissingPrivilegeError } from '../missing-privilege-error.js';

/**
 * Returns the error for privileges that a user lacks. The account is in the form of the server, `user@host`; with a
 * cause, it is unknown which of the privileges is missing.
 */
export function missingPrivilegeError(
  privileges: readonly string[],
  database: string,
  account: string,
  options?: ErrorOptions,
): MissingPrivilegeError {
  const isKnown = options?.cause === undefined;
  const at = account.lastIndexOf('@');
  const grantee = `'${account.slice(0, at)}'@'${account.slice(at + 1)}'`;
  return new MissingPrivilegeError(
    `The user ${account} may not apply the migrations: it lacks ${privileges.join(isKnown ? ' and ' : ' or ')} on ${database}. ${isKnown ? 'Nothing was changed. ' : ''}` +
      `As an administrator: GRANT ${privileges.join(', ')} ON \`${database}\`.* TO ${grantee}; then migrate again.`,
    options,
  );
}
