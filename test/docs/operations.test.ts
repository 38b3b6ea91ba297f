import { expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi } from '../support/api.js';
import { blocksIn, pages, textOf } from './console-blocks.js';
import { addExampleSchool } from './example-school.js';

const operations = pages().map(page => ({
  page,
  blocks: blocksIn(textOf(page)).filter(({ kind }) => kind === 'graphql'),
}));

/**
 * Returns the codes of userErrors that a block says its operation answers with, as "# userErrors: CODE"; none: it
 * succeeds.
 */
function refusals(lines: readonly string[]): string[] {
  return lines.flatMap(line => /^# userErrors: (\w+)$/.exec(line)?.[1] ?? []);
}

it.each(operations.filter(({ blocks }) => blocks.length > 0))(
  'the operations of $page answer an admin of the example school as they say, in their order',
  async ({ page, blocks }) => {
    const api = await startApi('sqlite');
    try {
      await addExampleSchool(api.database);
      const token = await api.token(Role.ADMIN, 1);
      for (const { line, lines } of blocks) {
        const { data, errors } = await api.send(token, lines.join('\n'));
        const userErrors = Object.values(
          (data ?? {}) as Record<string, { userErrors?: { code: string }[] } | null>,
        ).flatMap(payload => payload?.userErrors ?? []);
        const expected = {
          block: `${page}:${line}`,
          errors: [],
          userErrors: refusals(lines).map(code => expect.objectContaining({ code }) as unknown),
        };
        expect({ block: `${page}:${line}`, errors: errors ?? [], userErrors }).toEqual(expected);
      }
    } finally {
      await api.stop();
    }
  },
);
