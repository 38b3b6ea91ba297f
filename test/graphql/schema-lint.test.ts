import { ESLint } from 'eslint';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { SCHEMA_FOLDER } from '../../src/graphql/emit-schema.js';

const eslint = new ESLint({ cwd: fileURLToPath(new URL('../..', import.meta.url)), applySuppressions: true });
const schema = readFileSync(new URL('schema.graphql', SCHEMA_FOLDER), 'utf8');

/** Returns ESLint's messages about a text in place of schema/schema.graphql, as "line rule: message". */
async function findings(text: string): Promise<string[]> {
  const results = await eslint.lintText(text, { filePath: fileURLToPath(new URL('schema.graphql', SCHEMA_FOLDER)) });
  return results.flatMap(({ messages }) =>
    messages.map(({ line, ruleId, message }) => `${line} ${ruleId}: ${message}`),
  );
}

/** Returns the schema with one text replaced by another; the text must occur in it. */
function withChange(from: string | RegExp, to: string): string {
  const changed = schema.replace(from, to);
  if (changed === schema) throw new Error(`The schema has no ${from}.`);
  return changed;
}

it('the schema keeps the recommended rules and those of Relay, but for the exceptions in eslint.config.js', async () => {
  expect(await findings(schema)).toEqual([]);
});

it.each([
  ['a type', /"""A student, a teacher or an admin\."""\n(?=type User )/],
  ['the type of the queries', /"""[^"]+"""\n(?=type Query )/],
  ['the type of the mutations', /"""[^"]+"""\n(?=type Mutation )/],
  ['the type of the subscriptions', /"""[^"]+"""\n(?=type Subscription )/],
  ['a query', /"""\s[^"]+"""\n(?= +me: User)/],
  ['a field', /"""The full name\."""\n(?= +name: String!\n\n +"""The role of the user\."""\n +role: Role!)/],
  ['an argument', /"""The course to delete\."""\n(?= +input: DeleteCourseInput!)/],
  ['an input', /"""A user to delete\."""\n(?=input )/],
  ['an input field', /"""The user\."""\n(?= +id: ID!)/],
  ['an enum', /"""The roles of users\."""\n(?=enum )/],
  ['an enum value', /"""Admins may do everything\."""\n(?= +ADMIN)/],
])('the linter finds %s without a description', async (_, description) => {
  expect(await findings(withChange(description, ''))).toEqual([expect.stringContaining('require-description')]);
});

it.each([
  [
    'a query whose name begins with "get"',
    'type Query {',
    'type Query {\n  """One."""\n  getCourse: Course\n',
    'naming-convention',
  ],
  [
    'an enum value in small letters',
    'enum Role {',
    'enum Role {\n  """May look on."""\n  guest\n',
    'naming-convention',
  ],
  ['a row that has no id', /"""The id of the enrollment\."""\n +id: ID!/, '', 'strict-id-in-types'],
  [
    'one more field named after its type',
    'type Drift {',
    'type Drift {\n  """Its name."""\n  driftName: String!\n',
    'no-typename-prefix',
  ],
  [
    'a connection without pageInfo',
    /"""The position of the page in the list\."""\n +pageInfo: PageInfo!/,
    '',
    'relay-connection-types',
  ],
  [
    'an edge without a cursor',
    /"""The cursor of the entry: its place in the list\."""\n +cursor: String!/,
    '',
    'relay-edge-types',
  ],
  [
    'a list in pages that cannot be asked for a page',
    /"""Only entries after this cursor\."""\n +after: String\n/,
    '',
    'relay-arguments',
  ],
  [
    'a PageInfo that does not say whether there is more',
    /"""Whether there are entries after this page\."""\n +hasNextPage: Boolean!/,
    '',
    'relay-page-info',
  ],
])('the linter finds %s', async (_, from, to, rule) => {
  expect((await findings(withChange(from, to))).join('\n')).toContain(`@graphql-eslint/${rule}: `);
});
