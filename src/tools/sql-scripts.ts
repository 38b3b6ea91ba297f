import { readFile } from 'node:fs/promises';
import { ADOPTED_PROCEDURE_COMMENT, procedureName } from '../database/adoption/own-procedures.js';
import { dialectOf, type Database } from '../database/database.js';
import { declaredCounts } from '../database/declared-counts.js';
import type { ScriptRules } from '../database/dialects/dialect.js';
import { keyFormOf } from '../database/mapped/key-forms.js';
import { mapOf } from '../database/mapped/mapped-driver.js';
import { storedColumns, storedTable } from '../database/mapped/stored-names.js';
import { quotedName } from '../migrations/sql-names.js';
import { PROCEDURE, PROCEDURE_COMMENT } from '../migrations/procedures.js';

/** The scripts, by what they do. */
export type ScriptName = keyof ScriptRules['files'];

/**
 * Returns the text of the SQL script for a database, with the names of its tables and columns; null if the database
 * cannot have what the script makes.
 */
export async function sqlScript(database: Database, name: ScriptName): Promise<string | null> {
  const file = dialectOf(database).scripts.files[name];
  if (file === null) return null;
  // As far from src/tools as from dist/command-line, into which the build joins this file.
  const text = await readFile(new URL(`../../schema/${file}`, import.meta.url), 'utf8');
  return mapOf(database.driver) === null ? text : adapted(text, database, await procedureName(database));
}

/** The tables by the names that the scripts give to their rows. */
const aliases = { c: 'core_course', e: 'core_enrollments' } as const;

/** A text in SQL, a column after the name of a row, or a word. */
const TOKEN = /'(\w+)'|\b([ce])\.(\w+)|\b\w+\b/g;

/** Returns a script with the names that a map gives. Its comments stay, after one that says which names they mean. */
function adapted(text: string, database: Database, procedure: string): string {
  const platform = database.em.getPlatform();
  const columns = { c: storedColumns(database, aliases.c), e: storedColumns(database, aliases.e) };
  const names = new Map<string, string>([
    ...Object.values(aliases).map(table => [table, storedTable(database, table)] as const),
    // Only a counter's column has a name that no other word of a script has.
    ...[...columns.c].filter(([own]) => declaredCounts.some(({ column }) => column === own)),
  ]);
  const adaptedLine = (line: string): string =>
    line.trimStart().startsWith('--')
      ? line
      : line.replace(TOKEN, (word, quoted?: string, alias?: 'c' | 'e', column?: string) => {
          if (quoted === PROCEDURE) return platform.quoteValue(procedure);
          if (quoted !== undefined) return names.has(quoted) ? platform.quoteValue(names.get(quoted)!) : word;
          if (alias !== undefined) return `${alias}.${quotedName(database.em, columns[alias].get(column!)!)}`;
          if (names.has(word)) return quotedName(database.em, names.get(word)!);
          return word === PROCEDURE ? procedure : word;
        });
  const meant = [...names, [PROCEDURE, procedure] as const].filter(([own, theirs]) => own !== theirs);
  return [
    "-- For another application's database, as its map says.",
    ...meant.map(([own, theirs]) => `-- ${own} is ${JSON.stringify(theirs)} here.`),
    '',
    ...withKeys(text.replaceAll(PROCEDURE_COMMENT, ADOPTED_PROCEDURE_COMMENT), database).split('\n').map(adaptedLine),
  ].join('\n');
}

/** A course's key where a script prints it. */
const PRINTED_KEY = /\bc\.id(?=(?: AS id)?, c\.title\b)/g;

/** Returns a script whose variable of a course's key has the type of the keys, and which prints bytes as their digits. */
function withKeys(text: string, database: Database): string {
  const form = keyFormOf(database, 'courses');
  if (form === 'number') return text;
  const { keyVariable, digits } = dialectOf(database).adoption;
  const typed = text.replace(/\b(drifting_id) bigint;/i, `$1 ${keyVariable(form)};`);
  return form === 'uuid-binary' ? typed.replaceAll(PRINTED_KEY, digits('c.id')) : typed;
}
