import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { layers } from '../support/layers.js';
import { textOf } from './console-blocks.js';

const project = resolve(import.meta.dirname, '../..');

it('docs/architecture.md lists the layers in the order that the imports keep', () => {
  const [, section = ''] = textOf('docs/architecture.md').split('## Layers\n');
  const listed = [...section.split('## ')[0]!.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, layer]) => layer);
  expect(listed).toEqual(layers.toReversed());
});

it('docs/architecture.md names every file of src that names a single stored count', () => {
  const [, section = ''] = textOf('docs/architecture.md').split('## A new counter\n');
  const listed = [...section.split('## ')[0]!.matchAll(/`(src\/[\w./-]+\.ts)`/g)].map(([, path]) => path!);
  const naming = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && !path.startsWith('counters/'))
    .filter(path => /activeEnrollments|active_enrollments/.test(readFileSync(join(project, 'src', path), 'utf8')))
    .map(path => `src/${path}`);
  expect(naming.filter(path => !listed.includes(path))).toEqual([]);
});
