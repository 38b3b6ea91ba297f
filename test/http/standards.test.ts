import { readFileSync } from 'node:fs';
import { maxHeaderSize } from 'node:http';
import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { PUBLIC_MAX_AGE_SECONDS } from '../../src/graphql/cache-hints.js';
import { errorCatalogue, type ErrorCode } from '../../src/graphql/errors/error-catalogue.js';
import {
  MAX_DIRECTIVES_AT_ONE_PLACE,
  MAX_NAME_LENGTH,
  MAX_DOCUMENT_LENGTH,
  MAX_TOKENS,
  MAX_VARIABLES,
} from '../../src/graphql/documents/documents.js';
import { MAX_LIST_VALUES, MAX_VALUES } from '../../src/graphql/documents/variables.js';
import { OVERLOAD_RETRY_SECONDS } from '../../src/http/limits/load-shedding.js';
import { MAX_CLIENTS } from '../../src/http/limits/rates/memory-windows.js';
import {
  mistakePoints,
  operationPoints,
  REQUEST_POINTS,
  requestPoints,
  UNPROVEN_TOKEN_POINTS,
} from '../../src/http/limits/rates/prices.js';
import { MAX_BODY_BYTES } from '../../src/http/answers/refusals.js';
import { startApi, type Api } from '../support/api.js';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('docs/http.md', root), 'utf8');
/** The page's text, whatever its line breaks. */
const text = page.replace(/\s+/g, ' ');

/** The page's table of audits: id, requirement, what is audited, result. */
const documented = [...page.matchAll(/^\| `(\w{4})` \| (MUST|SHOULD|MAY) \| (.+) \| (ok|notice|warn) \|$/gm)].map(
  ([, id, requirement, what, result]) => ({ id, requirement, what, result }),
);

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
  for (const { id } of told.filter(({ result }) => result !== 'ok'))
    expect(page, `the reason for the result of ${id}`).toMatch(new RegExp(`^- .*\`${id}\``, 'm'));
});

it('docs/http.md names the versions that were audited', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const versions = { ...dependencies, ...devDependencies };
  for (const name of ['graphql-http', '@apollo/server', '@as-integrations/fastify', 'fastify', 'graphql'])
    expect(text).toContain(`\`${name}\` ${versions[name]}`);
});

it('docs/http.md names the statuses and the limits that hold', () => {
  const refusals = [...page.matchAll(/^\| (\d{3}) \| `([A-Z_]+)` \|/gm)].map(
    ([, status, code]) => [Number(status), code as ErrorCode] as const,
  );
  expect(refusals).toHaveLength(14);
  for (const [status, code] of refusals) expect(errorCatalogue[code].status, code).toContain(status);
  const { maxDepth, maxCost, maxRowsRead, maxAliases, maxDirectives, keepAliveTimeout, maxEventLoopDelay, rateLimits } =
    readConfig({});
  const inWords = (limit: number): string => limit.toLocaleString('en');
  for (const words of [
    `| 413 | \`PAYLOAD_TOO_LARGE\` | the body has more than ${inWords(MAX_BODY_BYTES)} bytes |`,
    `| 431 | \`HEADERS_TOO_LARGE\` | the address and the headers have more than ${inWords(maxHeaderSize)} bytes |`,
    `\`MAX_DEPTH\`, ${maxDepth}:`,
    `\`MAX_COST\`, ${inWords(maxCost)}:`,
    `\`MAX_ROWS_READ\`, ${inWords(maxRowsRead)}`,
    `\`MAX_ALIASES\`, ${maxAliases}, and \`MAX_DIRECTIVES\`, ${maxDirectives}:`,
    `there may be ${MAX_DIRECTIVES_AT_ONE_PLACE} directives`,
    `A document may have ${inWords(MAX_TOKENS)} tokens and ${inWords(MAX_DOCUMENT_LENGTH)} characters, a name in it ${MAX_NAME_LENGTH} characters`,
    `An operation may declare ${MAX_VARIABLES} variables. They may hold ${inWords(MAX_VALUES)} values, including those in lists and objects, and a list ${inWords(MAX_LIST_VALUES)},`,
    `\`RATE_LIMIT_SIGNED_IN\`, ${inWords(rateLimits!.viewer.points)} for ${rateLimits!.viewer.seconds} s, and \`RATE_LIMIT\`, ${inWords(rateLimits!.address.points)} for ${rateLimits!.address.seconds} s.`,
    `connection attempt by WebSocket, a message that subscribes | ${REQUEST_POINTS} |`,
    `| a token that proves nothing | ${UNPROVEN_TOKEN_POINTS} more |`,
    `| each KiB of its body and address | ${requestPoints(1024) - REQUEST_POINTS};`,
    `its cost, as above, and ${operationPoints('x'.repeat(1024), 0)} for each KiB of its text`,
    `| an operation with mistakes, or beyond the limits of operations | ${mistakePoints('x'.repeat(1024))} for each KiB of its text |`,
    `for the ${inWords(MAX_CLIENTS)} clients whose time began last`,
    `more than ${maxEventLoopDelay / 1000} s on average`,
    `\`Retry-After: ${OVERLOAD_RETRY_SECONDS}\``,
    `| \`public, max-age=${PUBLIC_MAX_AGE_SECONDS}\` |`,
    `\`KEEP_ALIVE_TIMEOUT\`, ${keepAliveTimeout} s`,
  ])
    expect(text).toContain(words);
});
