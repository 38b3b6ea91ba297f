import slugify from '@sindresorhus/slugify';
import { PLACEHOLDER, type Fill } from './map-form.js';
import { textOf, type TheirRow } from './sources.js';

/** A way to fill a column. */
type Filling = Fill[string];

/** Returns true where a column is filled with the key of its row, which is known only after the INSERT. */
export function needsKey(how: Filling, key: string): boolean {
  return [...templateOf(how).matchAll(PLACEHOLDER)].some(([, column]) => column === key);
}

/** Returns what a column is filled with in a row of theirs. */
export function filledWith(how: Filling, row: TheirRow): unknown {
  if ('value' in how) return how.value;
  const text = templateOf(how).replaceAll(PLACEHOLDER, (_, column: string) => textOf(row[column]) ?? '');
  return 'slug' in how ? slugify(text) : text.trim();
}

/** Returns the template of a text; a slug may name one column instead. */
function templateOf(how: Filling): string {
  if ('value' in how) return '';
  if ('template' in how) return how.template;
  return how.slug.includes('{') ? how.slug : `{${how.slug}}`;
}
