import { createRequire } from 'node:module';
import type slugify from '@sindresorhus/slugify';
import { PLACEHOLDER, type Fill } from './map-form.js';
import { textOf, type TheirRow } from './sources.js';

/** A way to fill a column. */
type Filling = Fill[string];

const load = createRequire(import.meta.url);

/** Returns true where a column is filled with the key of its row, which is known only after the INSERT. */
export function needsKey(how: Filling, key: string): boolean {
  return [...templateOf(how).matchAll(PLACEHOLDER)].some(([, column]) => column === key);
}

/** Returns what a column is filled with in a row of theirs. */
export function filledWith(how: Filling, row: TheirRow): unknown {
  if ('value' in how) return how.value;
  const text = templateOf(how).replaceAll(PLACEHOLDER, (_, column: string) => textOf(row[column]) ?? '');
  return 'slug' in how ? slugOf(text) : text.trim();
}

function slugOf(text: string): string {
  // Loaded here: its table of letters takes a part of every command's start, and few maps ask for slugs.
  return (load('@sindresorhus/slugify') as { default: typeof slugify }).default(text);
}

/** Returns the template of a text; a slug may name one column instead. */
function templateOf(how: Filling): string {
  if ('value' in how) return '';
  if ('template' in how) return how.template;
  return how.slug.includes('{') ? how.slug : `{${how.slug}}`;
}
