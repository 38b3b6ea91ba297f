import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gql } from '@apollo/client';
import type { PersistedQueryManifestForGeneratingPersistedQueryIds } from '@apollo/persisted-query-lists';
import { Environment, fetchQuery, RecordSource, Store, type ConcreteRequest } from 'relay-runtime';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { blocksIn, textOf } from '../docs/console-blocks.js';
import { addCourse, startApi, type Api } from '../support/api.js';
import { trustedApolloClient } from './apollo-trusted.js';
import { trustedNetwork } from './relay-trusted.js';

const project = resolve(import.meta.dirname, '../..');
const count =
  'query CountCourses($first: Int) { courses(first: $first) { totalCount nodes { id ...Title } } } fragment Title on Course { title }';

let folder: string;
let api: Api;

/** Runs the commands that the page shows for making the documents, in a project of its own. */
async function run(commands: readonly string[]): Promise<void> {
  for (const command of commands)
    await promisify(execFile)('bash', ['-c', command.replace('npx ', 'node_modules/.bin/')], { cwd: folder });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rollcall-frontend-'));
  for (const name of ['src', 'trusted', '__generated__']) mkdirSync(join(folder, name));
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'));
  cpSync(join(project, 'schema/schema.graphql'), join(folder, 'schema.graphql'));
  for (const name of ['persisted-query-manifest.config.json', 'relay.trusted.config.json'])
    cpSync(join(import.meta.dirname, name), join(folder, name));
  writeFileSync(join(folder, 'src/count.graphql'), count);
  writeFileSync(
    join(folder, 'src/list.ts'),
    "import { graphql } from 'relay-runtime';\nexport const list = graphql`query listQuery($first: Int) { courses(first: $first) { totalCount } }`;\n",
  );
  const commands = blocksIn(textOf('docs/clients.md'))
    .filter(({ kind }) => kind === 'sh')
    .flatMap(({ lines }) => lines)
    .filter(line => /^echo|npx (generate-persisted|relay)/.test(line) && !line.includes('codegen'));
  expect(commands).toHaveLength(3);
  await run(commands);
  api = await startApi('sqlite', { env: { TRUSTED_DOCUMENTS: join(folder, 'trusted') } });
  await addCourse(api.database, { title: 'Trusted' });
});
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('Apollo Client sends the ids of the manifest that its tool writes, and other operations are rejected', async () => {
  const manifest = JSON.parse(
    readFileSync(join(folder, 'trusted/apollo.json'), 'utf8'),
  ) as PersistedQueryManifestForGeneratingPersistedQueryIds;
  expect(manifest.operations.map(({ name }) => name)).toContain('CountCourses');
  const client = trustedApolloClient(api.url, () => Promise.resolve(manifest));
  expect(await client.query({ query: gql(count), variables: { first: 1 } })).toMatchObject({
    data: { courses: { totalCount: 1, nodes: [{ title: 'Trusted' }] } },
  });
  const other = trustedApolloClient(api.url, () => Promise.resolve({ operations: [{ id: 'made up', name: 'Other' }] }));
  await expect(other.query({ query: gql('query Other { courses { totalCount } }') })).rejects.toMatchObject({
    errors: [{ extensions: { code: 'DOCUMENT_NOT_TRUSTED' } }],
  });
});

it('Relay sends the ids that its compiler assigns, and operations that were compiled elsewhere are rejected', async () => {
  const { default: list } = (await import(/* @vite-ignore */ join(folder, '__generated__/listQuery.graphql.ts'))) as {
    default: ConcreteRequest;
  };
  expect(list.params).toMatchObject({ text: null, id: expect.stringMatching(/^[0-9a-f]{64}$/) as string });
  const environment = new Environment({
    network: trustedNetwork(api.url, () => null),
    store: new Store(new RecordSource()),
  });
  expect(await fetchQuery(environment, list, { first: 1 }).toPromise()).toEqual({ courses: { totalCount: 1 } });
  const elsewhere = { ...list, params: { ...list.params, id: '0'.repeat(64) } } as ConcreteRequest;
  await expect(fetchQuery(environment, elsewhere, { first: 1 }).toPromise()).rejects.toThrow(
    /runs only documents that it was given/,
  );
});
