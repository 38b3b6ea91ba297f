import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import type { Database } from '../../../database/database.js';
import { tableOfPart } from '../../../database/mapped/stored-names.js';
import { builderFor, rows } from '../../../database/query.js';
import { mapParts, type MapPart } from '../../../map/map-form.js';
import { textOf, type TheirRow } from '../../../map/sources.js';
import { keyTextOf } from '../found/key-kinds.js';
import { numberKeys, type CopiedKeys } from './copied-keys.js';
import { RejectedValue } from './our-values.js';

/** The error of a file of ids that cannot be used; its message says why, and what to do. */
export class IdsFileError extends Error {
  override readonly name = 'IdsFileError';
  readonly code = 'IDS_FILE';
}

/** One line of the file: a key of theirs, and our number for it. */
const lineForm = z.strictObject({
  part: z.enum(mapParts),
  key: z.string().min(1),
  id: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
});

const NEW_LINE = 10;

/**
 * The numbers that a copy gives to keys of texts, such as UUIDs, kept in a file of JSON Lines beside the copy. A number is
 * on the disk before a row with it is written. So a copy that is repeated, or goes on after an interruption, knows each
 * row again. A key gets its number when a row has it or refers to it, whichever comes first.
 */
export class NumberedKeys implements CopiedKeys {
  readonly #numbers = new Map(mapParts.map(part => [part, new Map<string, number>()]));
  readonly #keys = new Map(mapParts.map(part => [part, new Map<number, string>()]));
  readonly #read = new Map(mapParts.map(part => [part, new Set<number>()]));
  readonly #highest = new Map<MapPart, number>();
  #unkept: string[] = [];
  /** The size of the file with everything that was kept, in bytes. */
  #size = 0;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    private readonly parts: ReadonlySet<MapPart>,
  ) {}

  /**
   * Opens the file of a copy into a database, for the parts whose keys are texts. If there is none, it is made; then the
   * tables of these parts must be empty, because a copy before would have written one. Errors: IdsFileError.
   */
  static async open(path: string, database: Database, parts: readonly MapPart[]): Promise<NumberedKeys> {
    const highest = await highestIds(database, parts);
    const hasRows = [...highest.values()].some(id => id > 0);
    const file = await opened(path, hasRows);
    const keys = new NumberedKeys(path, file, new Set(parts));
    try {
      await keys.#load();
      for (const [part, id] of highest) keys.#highest.set(part, Math.max(id, keys.#highest.get(part) ?? 0));
    } catch (error) {
      await file.close();
      throw error;
    }
    return keys;
  }

  keyIn(part: MapPart, column: string, row: TheirRow): number | null {
    if (!this.parts.has(part)) return numberKeys.keyIn(part, column, row);
    const text = keyTextOf(row[column]);
    if (text === null) return null;
    if (text.includes('\0') || !text.isWellFormed())
      throw new RejectedValue('BAD_TEXT', `${column} has a NUL or half a character in it.`);
    return this.#numbers.get(part)!.get(text) ?? this.#next(part, text);
  }

  shown(part: MapPart, id: number): string {
    return this.#keys.get(part)!.get(id) ?? numberKeys.shown(part, id);
  }

  textIn(part: MapPart, column: string, row: TheirRow): string | null {
    return this.parts.has(part) ? keyTextOf(row[column]) : textOf(row[column]);
  }

  wasRead(part: MapPart, id: number): boolean {
    if (!this.parts.has(part)) return false;
    const read = this.#read.get(part)!;
    if (read.has(id)) return true;
    read.add(id);
    return false;
  }

  async keep(): Promise<void> {
    if (this.#unkept.length === 0) return;
    const { size } = await this.file.stat();
    if (size !== this.#size)
      throw new IdsFileError(`Another process writes ${this.path} too. Let one copy at a time use it.`);
    const lines = Buffer.from(this.#unkept.join(''));
    await this.file.appendFile(lines);
    await this.file.datasync();
    this.#size += lines.length;
    this.#unkept = [];
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.file.close();
  }

  #next(part: MapPart, key: string): number {
    const id = (this.#highest.get(part) ?? 0) + 1;
    this.#set(part, key, id);
    this.#unkept.push(`${JSON.stringify({ part, key, id })}\n`);
    return id;
  }

  #set(part: MapPart, key: string, id: number): void {
    this.#numbers.get(part)!.set(key, id);
    this.#keys.get(part)!.set(id, key);
    this.#highest.set(part, Math.max(id, this.#highest.get(part) ?? 0));
  }

  /** Reads the file. What follows the last line break was being written when a copy ended; no row has such a number. */
  async #load(): Promise<void> {
    let [number, rest] = [0, Buffer.alloc(0)];
    for await (const chunk of this.file.createReadStream({ autoClose: false, start: 0 })) {
      const bytes = Buffer.concat([rest, chunk as Buffer]);
      let start = 0;
      for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE, start)) {
        this.#take(bytes.toString('utf8', start, end), (number += 1));
        start = end + 1;
      }
      this.#size += start;
      rest = bytes.subarray(start);
    }
    if (rest.length > 0) await this.file.truncate(this.#size);
  }

  #take(line: string, number: number): void {
    const place = `Line ${number} of ${this.path}`;
    const read = lineForm.safeParse(jsonIn(line));
    if (!read.success)
      throw new IdsFileError(
        `${place} is ${JSON.stringify(line.slice(0, 80))}, not {"part":"courses","key":"…","id":1}. Name the file that the first copy has written.`,
      );
    const { part, key, id } = read.data;
    if (this.#numbers.get(part)!.has(key) || this.#keys.get(part)!.has(id))
      throw new IdsFileError(`${place} repeats a key or an id of an earlier line: ${line}. Remove the wrong one.`);
    this.#set(part, key, id);
  }
}

function jsonIn(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

async function highestIds(database: Database, parts: readonly MapPart[]): Promise<Map<MapPart, number>> {
  const highest = new Map<MapPart, number>();
  for (const part of parts) {
    const query = builderFor(database)
      .selectFrom(tableOfPart(part) as 'core_user')
      .select(eb => eb.fn.max('id').as('highest'));
    highest.set(part, Number((await rows(database, query))[0]?.highest ?? 0));
  }
  return highest;
}

/** Opens a file to read it and append to it; makes it, unless it must be there. */
async function opened(path: string, mustExist: boolean): Promise<FileHandle> {
  try {
    // Opening for appending alone would make a file where a copy before has written another one.
    if (mustExist) await (await open(path, 'r')).close();
    return await open(path, 'a+');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new IdsFileError(
      code === 'ENOENT' && mustExist
        ? `There is no file ${path}, but the database has rows already. Name the file that the first copy has written, or copy into a fresh database.`
        : `The file ${path} cannot be written (${code}). Name another one with --ids.`,
      { cause: error },
    );
  }
}
