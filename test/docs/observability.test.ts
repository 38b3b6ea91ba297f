import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Api } from '../support/api.js';
import { keptLog } from '../support/log-lines.js';
import { mutate } from '../support/mutations.js';

const text = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8');
const log = keptLog();
let api: Api;

beforeAll(async () => {
  api = await startApi('sqlite', { logger: log.logger });
});
afterAll(() => api.stop());

/** Returns the cells of those rows of the document's tables whose first cell matches. */
const rows = (first: RegExp): string[][] =>
  text
    .split('\n')
    .filter(line => line.startsWith('| `'))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
    .filter(([cell]) => first.test(cell!));

/** Disconnects in the middle of a request, and returns once the server has logged it. */
async function leave(): Promise<void> {
  const { hostname, port } = new URL(api.url);
  const client = connect({ host: hostname, port: Number(port) }, () =>
    client.write(
      'POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{',
      () => client.resetAndDestroy(),
    ),
  );
  client.on('error', () => undefined);
  await log.until(({ aborted }) => aborted === true);
}

it('docs/observability.md has every metric of the server with its type and labels, and no other', async () => {
  const student = await addUser(api.database, Role.STUDENT);
  const course = await addCourse(api.database);
  const admin = await api.token(Role.ADMIN, null);
  for (let round = 0; round < 2; round += 1)
    await mutate(api, admin, 'enroll', { courseId: course, studentId: student });
  await api.send(null, '{ nothing }');
  await leave();
  const scraped = await (await fetch(api.metricsUrl!)).text();
  const types = [...scraped.matchAll(/^# TYPE (rollcall_\w+) (\w+)$/gm)].map(([, name, type]) => [name!, type!]);
  const labelsOf = (name: string): string[] =>
    [...(new RegExp(`^${name}(?:_count)?\\{(.*)\\} `, 'm').exec(scraped)?.[1] ?? '').matchAll(/(\w+)=/g)].map(
      ([, label]) => label!,
    );
  const documented = rows(/^`rollcall_/).map(([name, type, labels]) =>
    [name!.slice(1, -1), type, ...[...labels!.matchAll(/`(\w+)`/g)].map(([, label]) => label)].join(' '),
  );
  expect(types.map(([name, type]) => [name, type, ...labelsOf(name!)].join(' ')).toSorted()).toEqual(
    documented.toSorted(),
  );
});

it('docs/observability.md has every field of a log line', async () => {
  const fields = rows(/^`[a-z]/).flatMap(([first]) => [...first!.matchAll(/`(\w+)`/g)].map(([, field]) => field!));
  const lines = await log.requests(1);
  expect(
    [...new Set(lines.flatMap(line => Object.keys(line)))].filter(field => field !== 'msg' && !fields.includes(field)),
  ).toEqual([]);
});

it('the sample in docs/observability.md is a line as the server prints it', async () => {
  const sample = JSON.parse(/```json\n([^]*?)```/.exec(text)![1]!.replaceAll('\n', '')) as object;
  const student = await addUser(api.database, Role.STUDENT);
  const course = await addCourse(api.database);
  const query = 'mutation Join($id: ID!) { enroll(input: { courseId: $id }) { userErrors { code } } }';
  log.clear();
  for (let round = 0; round < 2; round += 1)
    await api.send(await api.token(Role.STUDENT, student), query, { id: course });
  const line = (await log.requests(2))[1]!;
  expect(Object.keys(line)).toEqual(Object.keys(sample));
  const { time, pid, hostname, requestId, durationMs, viewerId, ...same } = line;
  expect(sample).toMatchObject(same);
});
