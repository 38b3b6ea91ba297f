import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../src/config/config.js';
import { documentRulesOf } from '../../src/graphql/documents/documents.js';
import { graphqlSchema } from '../../src/graphql/schema.js';
import { readTrustedDocuments, type TrustedDocuments } from '../../src/graphql/documents/trusted-documents.js';
import { TrustedDocumentsError } from '../../src/graphql/documents/trusted-documents-error.js';
import { hashOf, trustedFolder } from '../support/trusted-folder.js';

const rules = documentRulesOf(graphqlSchema(), readConfig({ NODE_ENV: 'test', INTROSPECTION: 'off' }));
const query = 'query One { courses { totalCount } }';
const apollo = (...operations: object[]): object => ({
  format: 'apollo-persisted-query-manifest',
  version: 1,
  operations,
});

function read(files: Readonly<Record<string, unknown>>): {
  documents: TrustedDocuments | null;
  mistakes: readonly string[];
  folder: string;
} {
  const { folder, remove } = trustedFolder(files);
  onTestFinished(remove);
  return { folder, ...outcomeOf(folder) };
}

function outcomeOf(folder: string): { documents: TrustedDocuments | null; mistakes: readonly string[] } {
  try {
    return { documents: readTrustedDocuments(folder, rules), mistakes: [] };
  } catch (error) {
    if (!(error instanceof TrustedDocumentsError)) throw error;
    return { documents: null, mistakes: error.mistakes.map(mistake => mistake.replaceAll(`${folder}/`, '')) };
  }
}

describe('a folder of trusted documents', () => {
  it('a folder of trusted documents is counted by its documents, whatever their files and however many ids they have', () => {
    const { documents, mistakes } = read({
      'apollo.json': apollo(
        { id: 'a', name: 'One', type: 'query', body: query },
        { id: 'b', name: 'Two', type: 'query', body: query.replace('One', 'Two') },
      ),
      'relay.json': { c: query, d: 'mutation M { enroll(input: { courseId: 1 }) { userErrors { code } } }' },
      'deep/er/three.gql': 'subscription S { courseCountsChanged { courseId } }',
    });
    expect([documents?.size, mistakes]).toEqual([4, []]);
  });

  it('a folder of trusted documents is read through links and without hidden files, as Kubernetes mounts a ConfigMap', () => {
    const { folder } = read({ '..2026/manifest.json': { a: query }, '.DS_Store': 'x' });
    symlinkSync('..2026', join(folder, '..data'));
    symlinkSync('..data/manifest.json', join(folder, 'manifest.json'));
    expect(outcomeOf(`${folder}/`).documents?.find({ id: 'a' })).toMatchObject({ text: query });
    expect(outcomeOf(folder).documents?.size).toBe(1);
  });

  it('a folder of trusted documents may contain special files, such as a pipe, and a manifest with a byte order mark', () => {
    const { folder } = read({});
    writeFileSync(join(folder, 'manifest.json'), `\ufeff${JSON.stringify({ a: query })}`);
    expect(spawnSync('mkfifo', [join(folder, 'pipe.json')]).status).toBe(0);
    expect(outcomeOf(folder)).toMatchObject({ documents: { size: 1 }, mistakes: [] });
  });

  const broken: readonly (readonly [
    what: string,
    files: Readonly<Record<string, unknown>>,
    mistakes: readonly RegExp[],
  ])[] = [
    ['without any file', {}, [/^There is no document, so that nothing could run\. Put your manifest there/]],
    ['with text that is no JSON', { 'a.json': '{' }, [/^a\.json is not JSON \(.+\)\. Give what Apollo's .+ writes/]],
    [
      'with JSON of another kind',
      {
        'a.json': { a: 1 },
        'b.json': [],
        'c.json': null,
        'd.json': '"x"',
        'e.json': {},
        'f.json': apollo({ id: 'a' }),
        'g.json': { ...apollo(), version: 2 },
      },
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(
        name => new RegExp(`^${name}\\.json is JSON of another kind\\. Give what`),
      ),
    ],
    ['with a manifest of nothing', { 'a.json': apollo() }, [/^a\.json has no document\. Leave it out/]],
    [
      'with a file of another kind',
      { 'README.md': '# x', 'a.graphql': query },
      [/^README\.md is no \.json, \.graphql or \.gql\. Move it elsewhere/],
    ],
    [
      'with a document that does not parse',
      { 'a.json': apollo({ id: 'x', body: 'query {' }), 'b.graphql': '{' },
      [/^a\.json, "x": Syntax Error: .+ Correct it, or leave it out\.$/, /^b\.graphql Syntax Error/],
    ],
    [
      'with a document that does not fit the schema',
      { 'a.json': { x: '{ nothing }' } },
      [/^a\.json, "x": Cannot query field "nothing" on type "Query"\..* Correct it, or leave it out\.$/],
    ],
    [
      'with a document that lacks its fragment',
      { 'a.graphql': '{ courses { ...Rows } }' },
      [/^a\.graphql Unknown fragment "Rows"\./],
    ],
    [
      'with a document that asks for the schema, where nobody may',
      { 'a.graphql': '{ __schema { queryType { name } } }' },
      [/^a\.graphql .*This server does not tell its schema/],
    ],
    [
      'with more aliases than are allowed',
      { 'a.graphql': `{ ${Array.from({ length: 51 }, (_, index) => `a${index}: me { id }`).join(' ')} }` },
      [/^a\.graphql The operation has 51 aliases, and 50 are allowed\./],
    ],
    [
      'with two texts for one id',
      { 'a.json': { x: query }, 'b.json': { x: `${query} # other` } },
      [/^b\.json, "x": the id "x" has another text in .*a\.json\. Keep one of them\.$/],
    ],
    [
      "with another text for a document's hash",
      { 'a.graphql': query, 'b.json': { [hashOf(query)]: '{ me { id } }' } },
      [/^b\.json, ".+": the id ".+" has another text in .*a\.graphql\./],
    ],
    ['with several mistakes', { 'a.json': '{', 'b.txt': '', 'c.graphql': '{' }, [/^a\.json/, /^b\.txt/, /^c\.graphql/]],
  ];

  it.each(broken)(
    'a folder of trusted documents is rejected with every mistake, its file and the remedy: %s',
    (_what, files, expected) => {
      const { mistakes, documents } = read(files);
      expect([documents, mistakes]).toEqual([null, expected.map(form => expect.stringMatching(form) as string)]);
    },
  );

  it('a folder of trusted documents is rejected if it is missing, no folder, or cannot be read', () => {
    const { folder } = read({ 'a.graphql': query, 'gone.txt': '' });
    expect(outcomeOf(join(folder, 'nowhere')).mistakes).toEqual([
      expect.stringMatching(/^The folder cannot be read \(ENOENT\)\. Name a folder that is there/),
    ]);
    expect(outcomeOf(join(folder, 'a.graphql')).mistakes).toEqual([
      expect.stringMatching(/^The folder cannot be read \(ENOTDIR\)/),
    ]);
    const { folder: dangling } = read({ 'a.graphql': query });
    symlinkSync('nowhere', join(dangling, 'b.graphql'));
    expect(outcomeOf(dangling).mistakes).toEqual([expect.stringMatching(/^b\.graphql cannot be read \(ENOENT\)\./)]);
  });
});
