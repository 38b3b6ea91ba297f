import { truthInText } from './truth.js';
import type { ChoicePart, ChoiceSource, TruthSource, ValueSource } from './map-form.js';
import { PLACEHOLDER } from './map-form.js';

/** A row of another application's table, by the names of its columns, as its driver returns it. */
export type TheirRow = Readonly<Record<string, unknown>>;

/** Returns a value in the form in which values are compared: regardless of case and spaces; null if it is blank. */
export function comparable(value: unknown): string | null {
  const text = textOf(value);
  return text === null ? null : text.toLowerCase();
}

/** Returns a value as a text without spaces around it; null if it is blank. */
export function textOf(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (value instanceof Date) return value.toISOString();
  // MySQL's bit(1).
  if (value instanceof Uint8Array)
    return value.length === 1 && value[0]! < 2 ? String(value[0]) : Buffer.from(value).toString();
  const text = `${value as number}`.trim();
  return text === '' ? null : text;
}

/** Returns the value that a source has in a row; null if it is blank. */
export function valueIn(source: ValueSource, row: TheirRow): unknown {
  if (typeof source === 'string') return textOf(row[source]) === null ? null : row[source];
  if ('value' in source) return source.value;
  if ('firstOf' in source) return source.firstOf.map(one => valueIn(one, row)).find(value => value !== null) ?? null;
  const parts = [...source.template.matchAll(PLACEHOLDER)].map(([, name]) => textOf(row[name!]));
  if (parts.length > 0 && parts.every(part => part === null)) return null;
  return source.template.replaceAll(PLACEHOLDER, (_, name: string) => textOf(row[name]) ?? '').trim();
}

/** A choice in a row: one of our names, or the value of theirs that has none. */
export type Chosen<Name extends string> =
  { readonly name: Name } | { readonly unknown: unknown; readonly column: string };

/** Returns the choice that a source has in a row. */
export function choiceIn<Name extends string>(source: ChoiceSource, row: TheirRow): Chosen<Name> {
  const parts: readonly ChoicePart[] = 'firstOf' in source ? source.firstOf : [source];
  let missed: Chosen<Name> | undefined;
  for (const part of parts) {
    if ('value' in part) return { name: part.value as Name };
    const value = comparable(row[part.column]);
    const found = Object.entries(part.values).find(([, theirs]) => theirs?.some(one => comparable(one) === value));
    if (found) return { name: found[0] as Name };
    if (part.otherwise !== undefined) return { name: part.otherwise as Name };
    missed ??= { unknown: row[part.column] ?? null, column: part.column };
  }
  return missed!;
}

/** Returns whether a source has true in a row, or its value that is neither true nor false. */
export function truthIn(
  source: TruthSource,
  row: TheirRow,
): boolean | { readonly unknown: unknown; readonly column: string } {
  if (typeof source === 'string')
    return truthInText(textOf(row[source]) ?? '') ?? { unknown: row[source] ?? null, column: source };
  if ('value' in source && typeof source.value === 'boolean') return source.value;
  const chosen = choiceIn<'true' | 'false'>(source, row);
  return 'name' in chosen ? chosen.name === 'true' : chosen;
}
