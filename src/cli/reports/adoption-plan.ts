import type { AdoptionRules } from '../../database/dialects/adoption-rules.js';
import type { Addition } from '../../database/adoption/journal.js';
import { quantity } from '../../tools/words.js';
import { printable } from '../output/printable.js';

/** The most characters of a statement that a plan shows, and how many of them are those of its end. */
const MAX_SHOWN_CHARACTERS = 400;
const SHOWN_END_CHARACTERS = 60;

/** An addition, or a removal, as a plan shows it. */
export interface ShownAddition extends Addition {
  readonly title: string;
  /** What it locks, in words; null: it touches no table of theirs. */
  readonly effect: string | null;
}

/** Returns an addition as a plan shows it; `rowsOf` has the numbers of rows of the tables. */
export function shownAddition(
  addition: Addition,
  effect: AdoptionRules['effect'],
  rowsOf: ReadonlyMap<string, number>,
): ShownAddition {
  const { kind, object, names, statements, reverse } = addition;
  const words =
    kind === 'columns'
      ? effect('columns')
      : kind === 'indexes'
        ? effect('index')
        : kind === 'changes'
          ? `${effect('columns')}; then ${effect('index')}; Rollcall cannot read the table meanwhile`
          : kind === 'default' || kind === 'kept indexes'
            ? 'takes a moment'
            : null;
  return {
    kind,
    object,
    names,
    title: additionTitle(addition),
    effect: words === null ? null : `${words} (${quantity(rowsOf.get(object) ?? 0, 'row')})`,
    statements,
    reverse,
  };
}

/** Returns the lines of an addition. */
export function additionLines({ title, effect, statements, reverse }: ShownAddition, number: number): string {
  return [
    `${String(number).padStart(3)}  ${printable(title)}${effect === null ? '' : `: ${effect}`}.`,
    ...statements.map(sql => `       ${folded(printable(sql))};`),
    ...reverse.map(sql => `  undo ${printable(sql)};`),
    '',
  ].join('\n');
}

/** Returns the lines of what an undo drops: the triggers first, then the additions. */
export function removalLines(triggers: readonly string[], removals: readonly Addition[]): string {
  const lines = removals.flatMap(removal => [
    `drops ${printable(additionTitle(removal))}`,
    ...removal.reverse.map(sql => `      ${printable(sql)};`),
  ]);
  if (triggers.length > 0)
    lines.unshift(`drops the triggers ${printable(triggers.join(', '))}, as "rollcall counters use hooks" does`);
  return lines.map(line => `${line}\n`).join('');
}

/** Returns a statement without the middle of a long expression, which the JSON document has. */
function folded(sql: string): string {
  if (sql.length <= MAX_SHOWN_CHARACTERS) return sql;
  const end = sql.slice(-SHOWN_END_CHARACTERS);
  return `${sql.slice(0, MAX_SHOWN_CHARACTERS - SHOWN_END_CHARACTERS)} … (${sql.length - MAX_SHOWN_CHARACTERS} characters, with --json) … ${end}`;
}

/** Returns what an addition is, in words. */
export function additionTitle({ kind, object, names }: Addition): string {
  const list = names.join(', ');
  switch (kind) {
    case 'columns':
      return `${names.length === 1 ? 'the column' : 'the columns'} ${list} of ${object}`;
    case 'default':
      return `the default of ${object}.${list}`;
    case 'indexes':
      return `${names.length === 1 ? 'the index' : 'the indexes'} ${list} of ${object}`;
    case 'kept indexes':
      return `the names of ${list} of ${object} again, without which the server would drop them beside ours`;
    case 'changes':
      return `${list} of ${object} anew, because the map has changed`;
    case 'tables':
      return `the tables ${list}`;
    case 'alterations':
      return `the altered columns of ${list}, by ${object}`;
    case 'baseline':
      return `the record of the migrations in ${object}`;
    case 'procedure':
      return `the ${object} ${list}`;
    default:
      return `the collation ${list}`;
  }
}
