import { expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi } from '../support/api.js';
import { blocksIn, pages, textOf } from './console-blocks.js';
import { addExampleSchool } from './example-school.js';

const operations = pages().map(page => ({ page, blocks: blocksIn(textOf(page)).filter(({ kind }) => kind === 'graphql') }));

it.each(operations.filter(({ blocks }) => blocks.length > 0))('the operations of $page do what an admin asks of the example school, without an error', async ({ page, blocks }) => {
  const api = await startApi('sqlite');
  try {
    await addExampleSchool(api.database);
    const token = await api.token(Role.ADMIN, 1);
    for (const { line, lines } of blocks) {
      const { data, errors } = await api.send(token, lines.join('\n'));
      const userErrors = Object.values((data ?? {}) as Record<string, { userErrors?: unknown[] } | null>).flatMap(payload => payload?.userErrors ?? []);
      expect({ block: `${page}:${line}`, errors: errors ?? [], userErrors }).toEqual({ block: `${page}:${line}`, errors: [], userErrors: [] });
    }
  } finally {
    await api.stop();
  }
});
