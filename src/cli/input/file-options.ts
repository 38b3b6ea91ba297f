import { InvalidArgumentError, Option, type Command } from 'commander';
import { dateForm, type DateForm } from '../../tools/import/dates.js';
import type { FileOptions } from '../../tools/import/read-blocks.js';
import { isEncoding } from '../../tools/import/text-encoding.js';

/** The options of a command that reads a table, as Commander returns them. */
export interface GivenFileOptions {
  readonly map?: ReadonlyMap<string, string>;
  readonly values?: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly dateFormat?: DateForm;
  readonly delimiter?: string;
  readonly encoding?: string;
  readonly escape?: 'quote' | 'backslash';
  readonly columns?: readonly string[];
  readonly ignoreColumn?: readonly string[];
  readonly formulaGuard: boolean;
}

/** Adds the options that say how a table with these columns is read. */
export function addFileOptions(command: Command, columns: readonly string[]): Command {
  return command
    .option('--map <column=name>', 'what the file calls a column; can be given several times', namesOf(columns))
    .option(
      '--values <column:text=value>',
      'what a text of a column means, such as status:enrolled=active; can be given several times',
      meaningsOf(columns),
    )
    .option(
      '--date-format <format>',
      'how dates are written: iso, unix, or a format such as DD.MM.YYYY or "MM/DD/YYYY HH:mm"',
      dates,
    )
    .addOption(
      new Option(
        '--delimiter <character>',
        'what separates the columns: comma, semicolon, tab, pipe or another character',
      ).argParser(delimiter),
    )
    .addOption(
      new Option(
        '--escape <character>',
        'what stands before a quote within a quoted value: another quote, or a backslash',
      ).choices(['quote', 'backslash']),
    )
    .option('--encoding <name>', 'the encoding of the file, such as utf-16le, latin1 or cp850', encoding)
    .option(
      '--columns <names>',
      'the names of the columns, separated by commas, of a file whose first row does not name them',
      (names: string) => names.split(',').map(name => name.trim()),
    )
    .option(
      '--ignore-column <name>',
      'ignore a column that has another name; can be given several times',
      (name: string, names: readonly string[] | undefined) => [...(names ?? []), name],
    )
    .option(
      '--no-formula-guard',
      'keep the apostrophe before =, +, - and @ that keeps a spreadsheet from running a cell',
    );
}

/** Returns how a file is read, from the options of the command. */
export function fileOptions(given: GivenFileOptions): FileOptions {
  return {
    form: {
      guarded: given.formulaGuard,
      ...(given.delimiter !== undefined && { delimiter: given.delimiter }),
      ...(given.encoding !== undefined && { encoding: given.encoding }),
      ...(given.escape === 'backslash' && { escape: '\\' as const }),
    },
    ...(given.columns && { header: given.columns }),
    ...(given.map && { map: given.map }),
    ...(given.values && { values: given.values }),
    ...(given.dateFormat && { dates: given.dateFormat }),
    ...(given.ignoreColumn && { ignoredColumns: given.ignoreColumn }),
  };
}

function namesOf(columns: readonly string[]) {
  return (text: string, before: ReadonlyMap<string, string> = new Map()): ReadonlyMap<string, string> => {
    const [, column, name] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (!column || !name)
      throw new InvalidArgumentError('Give a column and its name in the file, such as course=Kurs.');
    return new Map([...before, [knownColumn(columns, column), name.trim()]]);
  };
}

function meaningsOf(columns: readonly string[]) {
  return (
    text: string,
    before: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map(),
  ): ReadonlyMap<string, ReadonlyMap<string, string>> => {
    const [, column, cell, value] = /^([^:=]+):(.*)=([^=]*)$/.exec(text) ?? [];
    if (!column || cell === undefined || value === undefined)
      throw new InvalidArgumentError('Give a column, a text and what it means, such as status:enrolled=active.');
    const known = knownColumn(columns, column);
    return new Map([
      ...before,
      [known, new Map([...(before.get(known) ?? []), [cell.trim().toLowerCase(), value.trim()]])],
    ]);
  };
}

function knownColumn(columns: readonly string[], text: string): string {
  const column = text.trim().toLowerCase();
  if (columns.includes(column)) return column;
  throw new InvalidArgumentError(`The columns are ${columns.join(', ')}.`);
}

function dates(format: string): DateForm {
  const form = dateForm(format);
  if (form) return form;
  throw new InvalidArgumentError(
    'Give iso, unix, or a format with a year, a month and a day, and without an offset, such as DD.MM.YYYY.',
  );
}

const namedDelimiters: Readonly<Record<string, string>> = { comma: ',', semicolon: ';', tab: '\t', pipe: '|' };

function delimiter(text: string): string {
  const character = namedDelimiters[text] ?? text;
  if ([...character].length === 1 && !/["\r\n\w]/.test(character)) return character;
  throw new InvalidArgumentError('Give comma, semicolon, tab, pipe, or one character that is no letter and no digit.');
}

function encoding(name: string): string {
  if (isEncoding(name)) return name;
  throw new InvalidArgumentError('Give the name of an encoding, such as utf-8, utf-16le, latin1, cp850 or shift_jis.');
}
