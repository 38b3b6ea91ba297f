import type { Config } from '../../config/config.js';
import { Role } from '../../entities/index.js';

/**
 * Returns comment lines for the top of a document: which header carries the token and, outside production, how to get a
 * token.
 */
export function tokenHint({ production, jwt }: Config, role: Role | null): string {
  const who =
    role === null
      ? 'Needs no token. To send requests as a user,'
      : `For ${role === Role.ADMIN ? 'an admin' : `a ${role}`}:`;
  const lines = [`${who} set the header  Authorization: Bearer TOKEN`];
  if (jwt.jwksUrl !== undefined) lines.push('Tokens come from your identity provider.');
  else if (!production)
    lines.push(
      'The server printed tokens when it started. Another one:',
      `npm run -s rollcall -- token ${optionsFor(role)}`,
    );
  return lines.map(line => `# ${line}\n`).join('');
}

function optionsFor(role: Role | null): string {
  return role === null || role === Role.ADMIN ? '--role admin' : `--role ${role} --user ID`;
}
