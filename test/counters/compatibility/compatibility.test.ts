import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tableOf } from './features.js';

const root = resolve(import.meta.dirname, '../../..');

describe("the compatibility table of the package's README", () => {
  it("the compatibility table of the package's README is the one of the features that tests prove", () => {
    const readme = readFileSync(resolve(root, 'src/counters/README.md'), 'utf8');
    const [, table] = /## Compatibility\n\n[^|]*((?:\|.*\n)+)/.exec(readme) ?? [];
    expect(table).toBe(tableOf());
  });
});
