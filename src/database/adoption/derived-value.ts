import type { ChoicePart, ChoiceSource, MomentSource, TruthSource, ValueSource } from '../../map/map-form.js';
import { PLACEHOLDER } from '../../map/map-form.js';
import { UNKNOWN_MARK, UNKNOWN_MOMENT, type Choices } from '../../map/choices.js';
import { comparable, textOf } from '../../map/sources.js';
import type { ExpressionRules, MomentSql } from '../dialects/adoption-rules.js';
import type { FoundColumn, FoundTable } from '../schema/found-table.js';

/** The most characters of such a value that are kept after the mark. */
const MAX_UNKNOWN_LENGTH = 63;

/** The error that a generated column cannot have the value of a source. */
export class NotDerivable extends Error {
  override readonly name = 'NotDerivable';

  constructor(readonly column: FoundColumn) {
    super(`The type ${column.type} of ${column.name} cannot be read by an expression.`);
  }
}

/**
 * Returns the SQL of values of one table as the map describes them, for generated columns: what src/map/sources.ts reads
 * from a row, as our own columns store it.
 */
export class DerivedValues {
  readonly #leftOut: FoundColumn[] = [];

  constructor(
    private readonly rules: ExpressionRules,
    private readonly table: FoundTable,
  ) {}

  /**
   * The columns behind the last choices of texts that were left out, because the database numbers their rows and lets no
   * generated column refer to these numbers: where all before them are blank, the text is NULL.
   */
  get leftOut(): readonly FoundColumn[] {
    return this.#leftOut;
  }

  /** Returns a choice as we store it; a value that the map does not name has a mark before it. Errors: NotDerivable. */
  choice(source: ChoiceSource, ours: Choices): string {
    const { literal, concat, cut } = this.rules;
    return this.#firstOfParts(
      source,
      name => literal(String(ours[name])),
      column => {
        const mark = literal(UNKNOWN_MARK);
        return `coalesce(${concat([mark, cut(this.#trimmed(column), MAX_UNKNOWN_LENGTH)])}, ${mark})`;
      },
    );
  }

  /** Returns one value where a column has one of some values, and another where it has none. Errors: NotDerivable. */
  ifListed(
    { column, values }: { readonly column: string; readonly values: readonly (string | number | boolean)[] },
    then: string,
    otherwise: string,
  ): string {
    return `case ${this.#compared(column, values.map(wordOf))} ${values.map(one => `when ${this.rules.literal(wordOf(one))} then ${then}`).join(' ')} else ${otherwise} end`;
  }

  /** Returns true or false; NULL for a value that the map does not name. Errors: NotDerivable. */
  truth(source: TruthSource): string {
    const { truth } = this.rules;
    if (typeof source === 'string') throw new TypeError('A column of truths is read as it is.');
    if ('value' in source) return truth(String(source.value) === 'true');
    return this.#firstOfParts(
      source,
      name => truth(name === 'true'),
      () => 'null',
    );
  }

  /** Returns a text of at most some characters; NULL if it is blank. Errors: NotDerivable. */
  text(source: ValueSource, length: number | undefined): string {
    const whole = this.#text(source);
    return length === undefined ? whole : this.rules.cut(whole, length);
  }

  /** Returns a moment, which is UNKNOWN_MOMENT where there is none. Errors: NotDerivable. */
  moment(source: MomentSource): MomentSql {
    const moment = this.optionalMoment(source);
    return { ...moment, sql: coalesced([moment.sql, this.rules.momentLiteral(UNKNOWN_MOMENT)]) };
  }

  /** Returns a moment; NULL where there is none, or none that our columns can have. Errors: NotDerivable. */
  optionalMoment(source: MomentSource): MomentSql {
    const [name, unit] = typeof source === 'string' ? [source, 'milliseconds' as const] : [source.column, source.unit];
    const column = this.#column(name);
    const moment = this.rules.moment(column, unit);
    if (moment === null) throw new NotDerivable(column);
    return moment;
  }

  #firstOfParts(source: ChoiceSource, ours: (name: string) => string, unknown: (column: string) => string): string {
    const parts: readonly ChoicePart[] = 'firstOf' in source ? source.firstOf : [source];
    const values: string[] = [];
    let missed: string | undefined;
    for (const part of parts) {
      if ('value' in part) {
        values.push(ours(part.value));
        return coalesced(values);
      }
      values.push(this.#translated(part, ours));
      if (part.otherwise !== undefined) return coalesced(values);
      missed ??= part.column;
    }
    return coalesced([...values, unknown(missed!)]);
  }

  #translated(
    { column, values, otherwise }: Exclude<ChoicePart, { value: unknown }>,
    ours: (name: string) => string,
  ): string {
    const { literal } = this.rules;
    // The first of our values that has a word is the one that counts.
    const names = new Map<string, string>();
    for (const [name, theirs] of Object.entries(values)) {
      for (const one of theirs ?? []) {
        const word = wordOf(one);
        if (!names.has(word)) names.set(word, name);
      }
    }
    const words = [...names].map(([word, name]) => `when ${literal(word)} then ${ours(name)}`);
    const rest = otherwise === undefined ? 'null' : ours(otherwise);
    return words.length === 0
      ? rest
      : `case ${this.#compared(column, [...names.keys()])} ${words.join(' ')} else ${rest} end`;
  }

  /** Returns the value of a column in the form in which values are compared; an empty text if it is blank. */
  #compared(column: string, words: readonly string[]): string {
    const { literal, lower } = this.rules;
    return `coalesce(${lower(this.#trimmed(column), words)}, ${literal('')})`;
  }

  #text(source: ValueSource): string {
    if (typeof source === 'string')
      return `case when ${this.#trimmed(source)} is not null then ${this.#raw(source)} end`;
    if ('firstOf' in source) return coalesced(source.firstOf.flatMap((one, index) => this.#unlessNumbered(one, index)));
    if ('value' in source) return this.#constant(source.value);
    const { literal, concat, trimmed } = this.rules;
    const names = [...source.template.matchAll(PLACEHOLDER)].map(([, name]) => name!);
    if (names.length === 0) return this.#constant(source.template.trim());
    const words = source.template.split(PLACEHOLDER);
    // The split text alternates between what is outside of placeholders and the names in them.
    const parts = words.flatMap((word, index) =>
      index % 2 === 1 ? [`coalesce(${this.#trimmed(word)}, ${literal('')})`] : word === '' ? [] : [literal(word)],
    );
    const some = names.map(name => `${this.#trimmed(name)} is not null`).join(' or ');
    return `case when ${some} then ${trimmed(parts.length === 1 ? parts[0]! : concat(parts))} end`;
  }

  #unlessNumbered(source: ValueSource, index: number): string[] {
    try {
      return [this.#text(source)];
    } catch (error) {
      if (!(error instanceof NotDerivable) || !error.column.isNumbered || index === 0) throw error;
      this.#leftOut.push(error.column);
      return [];
    }
  }

  #constant(value: string | number | boolean | null): string {
    const text = typeof value === 'string' ? value : textOf(value);
    return text === null ? 'null' : this.rules.literal(text);
  }

  #trimmed(name: string): string {
    return this.rules.trimmed(this.#raw(name));
  }

  #raw(name: string): string {
    const column = this.#column(name);
    const isKey = this.table.keys.some(({ columns, isPrimary }) => isPrimary && columns.includes(name));
    const text = this.rules.text(column, isKey);
    if (text === null) throw new NotDerivable(column);
    return text;
  }

  #column(name: string): FoundColumn {
    const column = this.table.columns.get(name);
    if (!column) throw new TypeError(`The table ${this.table.name} has no column ${name}.`);
    return column;
  }
}

/** Returns a value of the map in the form in which values are compared. */
function wordOf(value: string | number | boolean): string {
  return comparable(value) ?? '';
}

function coalesced(values: readonly string[]): string {
  const some = values.filter(value => value !== 'null');
  return some.length < 2 ? (some[0] ?? 'null') : `coalesce(${some.join(', ')})`;
}
