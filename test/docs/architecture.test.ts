import { expect, it } from 'vitest';
import { layers } from '../support/layers.js';
import { textOf } from './console-blocks.js';

it('docs/architecture.md lists the layers in the order that the imports keep', () => {
  const [, section = ''] = textOf('docs/architecture.md').split('## Layers\n');
  const listed = [...section.split('## ')[0]!.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, layer]) => layer);
  expect(listed).toEqual(layers.toReversed());
});
