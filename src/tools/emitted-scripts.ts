import { readFileSync } from 'node:fs';
import { declaredCounts } from '../database/declared-counts.js';
import { dialects } from '../database/dialects/dialects.js';
import type { ScriptRules } from '../database/dialects/dialect.js';
import { actualSql, driftSql, indented, mismatchesSql, type CountInSql } from '../migrations/count-sql.js';

/**
 * Returns the text of each SQL script by its file, for people without Node: the text of its template, in which names in
 * double braces stand for what follows from the declared counts.
 */
export function emittedScripts(templates: URL): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { scripts } of Object.values(dialects)) {
    for (const file of Object.values(scripts.files)) {
      if (file !== null)
        texts.set(file, filled(readFileSync(new URL(file, templates), 'utf8'), partsOf(scripts, declaredCounts)));
    }
  }
  return texts;
}

/** Returns what the scripts say of counts, by its name in the templates. */
function partsOf({ words, updating }: ScriptRules, counts: readonly CountInSql[]): Readonly<Record<string, string>> {
  const drifts = counts.map(count => driftSql(words, count));
  return {
    columns: new Intl.ListFormat('en-GB').format(counts.map(({ column }) => column)),
    compared: counts
      .map((count, index) => comparedSql(actualSql(words, count), count.column, index + 1))
      .join('\nUNION ALL\n'),
    mismatches: mismatchesSql(words, counts),
    drifts: drifts.map((drift, index) => (index === 0 ? drift : `  OR ${indented(drift)}`)).join('\n'),
    ...updating(counts),
  };
}

/** Returns the query of each course with one of its stored counts and the actual one. The first names the columns. */
function comparedSql(actual: string, column: string, place: number): string {
  const [as, name] = place === 1 ? [(alias: string) => ` AS ${alias}`, ' AS actual_count'] : [() => '', ''];
  return [
    `SELECT c.id${as('id')}, c.title${as('title')}, ${place}${as('place')}, '${column}'${as('counter')}, c.${column}${as('stored_count')},`,
    `  ${actual}${name}`,
    'FROM core_course c',
  ].join('\n');
}

/** Returns a template with its parts, each as far to the right as the line on which it stands. */
function filled(template: string, parts: Readonly<Record<string, string>>): string {
  return template.replace(/^( *)(.*)$/gm, (_, space: string, line: string) => {
    const text = line.replace(/\{\{(\w+)\}\}/g, (_part, name: string) => {
      if (!Object.hasOwn(parts, name)) throw new Error(`A script has no {{${name}}}.`);
      return parts[name]!;
    });
    return space + indented(text, space);
  });
}
