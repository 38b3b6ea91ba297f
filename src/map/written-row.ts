import { choicesOf } from './choices.js';
import { columnsIn, type AnySource } from './map-form.js';
import type { MappedTable } from './mapped-table.js';
import { choiceIn, type TheirRow } from './sources.js';

/** The error of a change that another application's database cannot have: by its map, or because the rows are not ours. */
export class NotWritable extends Error {
  override readonly name = 'NotWritable';
  readonly code = 'NOT_WRITABLE' as const;
}

/** Returns the columns of theirs that are written for a property which is read from a source. */
export function writtenColumns(source: AnySource): string[] {
  if (typeof source === 'string') return [source];
  if ('firstOf' in source) return writtenColumns(source.firstOf[0]!);
  return 'column' in source ? [source.column] : [];
}

/**
 * Returns the columns of theirs to write, so that the derived properties of a row then have some values of ours. Moments
 * are given and returned as dates. Errors: NotWritable, which names the property and the reason.
 */
export function writtenRow(table: MappedTable, values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  const sources = Object.entries(values).map(([property, value]) => {
    const mapped = table.propertyOf(property);
    if (mapped.kind !== 'derived') throw new Error(`${property} is not derived.`);
    return { property, value, source: mapped.source };
  });
  for (const { property, value, source } of sources) {
    for (const [column, theirs] of Object.entries(columnsFor(table, property, source, value))) {
      if (column in row && row[column] !== theirs)
        throw new NotWritable(
          `${table.table}.${column} cannot be ${shown(row[column])} and ${shown(theirs)} at once: ${property} follows from the same column as another field.`,
        );
      row[column] = theirs;
    }
  }
  for (const { property, value, source } of sources) requireChoice(table, property, source, value, row);
  return row;
}

/** Returns what a property alone writes; nothing where it follows from what others write. */
function columnsFor(
  table: MappedTable,
  property: string,
  source: AnySource,
  value: unknown,
): Readonly<Record<string, unknown>> {
  if (typeof source === 'string') return { [source]: value };
  if ('unit' in source) {
    const moment = value as Date | null;
    return {
      [source.column]: moment && Math.floor(moment.valueOf() / (source.unit === 'seconds' ? 1000 : 1)),
    };
  }
  if ('firstOf' in source) return columnsFor(table, property, source.firstOf[0]!, value);
  if ('values' in source) {
    const name = nameOf(table, property, value);
    const [theirs] = (source.values as Readonly<Record<string, readonly unknown[] | undefined>>)[name] ?? [];
    return theirs === undefined ? {} : { [source.column]: theirs };
  }
  if (choicesOf(table.part, property) !== null && 'value' in source) return {};
  throw new NotWritable(
    `${property} cannot be written: the map puts it together from ${columnsIn(source).join(', ') || 'a fixed value'} of ${table.table}. Change it in the other application.`,
  );
}

/** Requires that a choice can be read again from the columns that are written. */
function requireChoice(table: MappedTable, property: string, source: AnySource, value: unknown, row: TheirRow): void {
  if (choicesOf(table.part, property) === null) return;
  const asked = nameOf(table, property, value);
  const unwritten = columnsIn(source).filter(column => !(column in row));
  const read = unwritten.length > 0 ? undefined : readAs(source, row);
  if (read === asked) return;
  throw new NotWritable(
    `${property} cannot become ${asked}: ${
      columnsIn(source).length === 0
        ? `the map gives all rows of ${table.table} another value`
        : `the map has no value of ${table.table}.${columnsIn(source)[0]} for it${read === undefined ? '' : `, and ${shown(row[columnsIn(source)[0]!])} means ${read}`}`
    }.`,
  );
}

function readAs(source: AnySource, row: TheirRow): string | undefined {
  const choice = choiceIn<string>(source as Parameters<typeof choiceIn>[0], row);
  return 'name' in choice ? String(choice.name) : undefined;
}

function nameOf(table: MappedTable, property: string, value: unknown): string {
  const found = Object.entries(choicesOf(table.part, property) ?? {}).find(([, ours]) => ours === value);
  if (!found) throw new Error(`${property} has no value ${shown(value)}.`);
  return found[0];
}

function shown(value: unknown): string {
  return JSON.stringify(value);
}
