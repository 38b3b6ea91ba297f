import type { JwtConfig } from '../../config/config.js';
import { shownUrl } from '../../database/texts/shown-text.js';
import { Role, type Key } from '../../entities/index.js';
import type { ExampleAccounts } from '../../tools/sample-data/example-accounts.js';
import { issueToken } from '../../access/tokens.js';

const EXAMPLE_QUERY = `{
  courses(first: 5, orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) {
    totalCount
    nodes { id title totalEnrollments activeEnrollments instructor { name } }
  }
}`;

/** Returns what a person who starts the server needs: its URL, tokens to try it with, and a query to paste. */
export async function welcomeText(url: string, jwt: JwtConfig, accounts: ExampleAccounts): Promise<string> {
  const parts = [
    `Rollcall is ready at ${url}`,
    await tokensText(jwt, accounts),
    `A query to paste:\n\n${indented(EXAMPLE_QUERY)}`,
    'Ctrl+C stops the server.',
  ];
  return `\n${indented(parts.join('\n\n'))}\n\n`;
}

async function tokensText(jwt: JwtConfig, { admin, teacher, student }: ExampleAccounts): Promise<string> {
  if (jwt.secret === undefined)
    return `Tokens come from your identity provider, whose keys are at ${shownUrl(jwt.jwksUrl)}`;
  const tokens = [await tokenText(jwt, Role.ADMIN, admin)];
  if (teacher !== null) tokens.push(await tokenText(jwt, Role.TEACHER, teacher));
  if (student !== null) tokens.push(await tokenText(jwt, Role.STUDENT, student));
  return `Tokens, valid for 30 days; send one in the header  Authorization: Bearer TOKEN\n\n${tokens.join('\n\n')}`;
}

async function tokenText(jwt: JwtConfig, role: Role, userId: Key | null): Promise<string> {
  const token = await issueToken(jwt, { role, userId, expiresIn: '30d' });
  return `${role}${userId === null ? '' : ` (user ${userId})`}\n${token}`;
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
