import { expect, it, onTestFinished } from 'vitest';
import { examineApi } from '../../../src/tools/doctor/api.js';
import { startApi } from '../../support/api.js';
import { examineDatabase, findingsOf } from '../../support/examination.js';
import { trustedFolder } from '../../support/trusted-folder.js';

const text = 'query One { courses { totalCount } }';

it('the doctor says how many documents are trusted, what is wrong with them, and nothing where any document may run', async () => {
  const { folder, remove } = trustedFolder({ 'manifest.json': { a: text, b: text.replace('One', 'Two') } });
  const wrong = trustedFolder({ 'a.graphql': '{ nothing }' });
  const api = await startApi('sqlite', { env: { TRUSTED_DOCUMENTS: folder } });
  onTestFinished(async () => {
    await api.stop();
    remove();
    wrong.remove();
  });
  const documents = async (env: Record<string, string>) =>
    findingsOf(await examineDatabase(api.databaseUrl, env), 'documents');
  expect(await documents({})).toEqual([]);
  expect(await documents({ TRUSTED_DOCUMENTS: folder, INTROSPECTION: 'off' })).toEqual([
    { check: 'documents', status: 'ok', message: `Only 2 documents may run, from ${folder}.` },
  ]);
  expect(await documents({ TRUSTED_DOCUMENTS: folder })).toMatchObject([
    { status: 'ok', message: expect.stringContaining('INTROSPECTION=on is of no use') as string },
  ]);
  expect(await documents({ TRUSTED_DOCUMENTS: wrong.folder })).toMatchObject([
    { status: 'failed', message: expect.stringContaining('Cannot query field "nothing"') as string },
  ]);
  // Its own query is none of them.
  expect((await examineApi({ url: api.url }, 30_000, () => undefined)).at(-1)).toMatchObject({
    status: 'warning',
    message: `${api.url} runs only trusted documents, so that its counts were not asked for.`,
  });
});
