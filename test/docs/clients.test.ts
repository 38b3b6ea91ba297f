import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { blocksIn, textOf } from './console-blocks.js';

const folder = resolve(import.meta.dirname, '../clients');

it('docs/clients.md shows every example as it is in test/clients, whole', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    name => /\.(ts|json)$/.test(name) && !/(^generated\/|^live\/|\.test\.ts$)/.test(name),
  );
  const examples = files.map(name => readFileSync(join(folder, name), 'utf8'));
  const shown = blocksIn(textOf('docs/clients.md'))
    .filter(({ kind }) => kind === 'ts' || kind === 'json')
    .map(({ lines }) => `${lines.join('\n')}\n`);
  expect(shown.toSorted()).toEqual(examples.toSorted());
});
