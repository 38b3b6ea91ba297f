import { readFileSync } from 'node:fs';
import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startApi, type Api } from '../support/api.js';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/http.md', root), 'utf8');

/** Holds the page's table of audits: id, requirement, what is audited, result. */
const documented = [...page.matchAll(/^\| `(\w{4})` \| (MUST|SHOULD|MAY) \| (.+) \| (ok|notice|warn) \|$/gm)].map(([, id, requirement, what, result]) => ({ id, requirement, what, result }));

let api: Api;

beforeAll(async () => {
  api = await startApi('sqlite');
});
afterAll(() => api.stop());

it('every audit of GraphQL over HTTP ends as docs/http.md says, none with an error or a warning', async () => {
  const results = await Promise.all(serverAudits({ url: api.url, fetchFn: fetch }).map(audit => audit.fn()));
  const told = results.map(({ id, name, status }) => {
    const [, requirement, what] = /^(\w+) (.*)$/.exec(name)!;
    return { id, requirement, what, result: status };
  });
  expect(told.filter(({ result }) => result === 'error' || result === 'warn')).toEqual([]);
  expect(documented).toEqual(told);
  for (const { id } of told.filter(({ result }) => result !== 'ok')) expect(page, `the reason for the result of ${id}`).toMatch(new RegExp(`^- .*\`${id}\``, 'm'));
});

it('docs/http.md names the versions that were audited', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Record<string, Record<string, string>>;
  const versions = { ...dependencies, ...devDependencies };
  for (const name of ['graphql-http', '@apollo/server', '@as-integrations/fastify', 'fastify', 'graphql']) expect(page).toContain(`\`${name}\` ${versions[name]}`);
});
