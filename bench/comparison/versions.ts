import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { peersFolder, type Contestant } from './contestants.ts';

/** Returns the packages of contestants with their versions, which are pinned. */
export function versionsOf(contestants: readonly Contestant[]): Record<string, string> {
  const folders = new Set(['.', ...contestants.flatMap(({ packageFolder }) => packageFolder ?? [])]);
  const versions = [...folders].flatMap(folder => {
    const text = readFileSync(join(peersFolder, folder, 'package.json'), 'utf8');
    return Object.entries((JSON.parse(text) as { dependencies: Record<string, string> }).dependencies);
  });
  return Object.fromEntries(versions.toSorted(([a], [b]) => a.localeCompare(b)));
}
