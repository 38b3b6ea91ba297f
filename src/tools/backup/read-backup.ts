import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import type { Database } from '../../database/database.js';
import { keyFormOf, keyOrder } from '../../database/mapped/key-forms.js';
import { isKey, keyOfText, keysAre, shownKey, type Key } from '../../entities/index.js';
import { lineBlocks } from '../import/lines.js';
import type { Source } from '../import/source.js';
import { BackupError } from './backup-error.js';
import {
  formatHeader,
  closing,
  header as headerShape,
  row,
  FORMAT_VERSION,
  type BackupHeader,
  type BackupRow,
} from './backup-format.js';

/**
 * Reads the header of a backup and holds it against the counters that are declared now. Errors: BackupError;
 * ImportError where the file cannot be read.
 */
export async function readHeader(source: Source, declared: readonly string[]): Promise<BackupHeader> {
  if (source.bytes === null)
    throw new BackupError(
      `${source.name} can be read only once, and a backup is checked before it is restored. Save it as a file first.`,
    );
  for await (const { text } of linesOf(source)) {
    const read = headerOf(source, text);
    const missing = declared.filter(name => !read.counters.includes(name));
    const unknown = read.counters.filter(name => !declared.includes(name));
    if (missing.length + unknown.length === 0) return read;
    throw new BackupError(
      `${source.name} was made under another schema: it has the counters ${read.counters.join(', ')}, and those of this version are ${declared.join(', ')}. ` +
        'Restore it with the version that made it, or count again with "rollcall recount".',
    );
  }
  throw new BackupError(`${source.name} is empty.`);
}

/**
 * Returns the rows of a backup whose header was read, and fails at the latest at the end if the file is incomplete:
 * if it was cut off or changed, or has a line of another format, or keys of another form than the database has. Errors: BackupError.
 */
export async function* backupRows(
  database: Database,
  source: Source,
  header: BackupHeader,
): AsyncGenerator<BackupRow, void, undefined> {
  const [form, compare] = [keyFormOf(database, 'courses'), keyOrder(database, 'courses')];
  const hash = createHash('sha256');
  let end: z.infer<typeof closing> | undefined;
  let rows = 0;
  let lastId: Key | null = null;
  for await (const { number, text } of linesOf(source)) {
    const refuse = (problem: string): BackupError =>
      new BackupError(`${source.name}:${number}: ${problem} ${OTHER_COPY}`);
    if (end) throw refuse('the file goes on after its closing line.');
    const value = json(text);
    end = closing.safeParse(value).data;
    if (!end) hash.update(`${text}\n`);
    if (end) continue;
    if (number === 1) {
      if (!isDeepStrictEqual(value, header)) throw refuse('the header is another one than a moment ago.');
      continue;
    }
    const written = row.safeParse(value).data;
    if (written?.counts.length !== header.counters.length) throw refuse('this is no line of a course with its counts.');
    const { id } = written;
    const one = { ...written, id: typeof id === 'string' && form !== 'number' ? keyOfText(id, form) : id };
    if (!isKey(one.id, form))
      throw refuse(`this is no line of a course of this database, whose ids of courses are ${keysAre(form)}.`);
    if (lastId !== null && compare(one.id, lastId) <= 0)
      throw refuse(`course ${shownKey(one.id)} comes after course ${shownKey(lastId)}.`);
    rows += 1;
    lastId = one.id;
    yield one;
  }
  if (!end || end.courses !== rows || header.courses !== rows)
    throw new BackupError(
      `${source.name} is not whole: it has ${rows} of ${header.courses} courses${end ? '' : ', and no closing line'}. ${OTHER_COPY}`,
    );
  if (end.sha256 !== hash.digest('hex'))
    throw new BackupError(`${source.name} was changed since it was made: its checksum does not fit. ${OTHER_COPY}`);
}

const OTHER_COPY = 'Nothing was written. Take another copy of it, or count again with "rollcall recount".';

function headerOf({ name }: Source, text: string | null): BackupHeader {
  const value = json(text);
  const known = formatHeader.safeParse(value).data;
  if (!known)
    throw new BackupError(
      `${name} is no backup of counts: its first line is not the one that "rollcall backup" writes.`,
    );
  if (known.version !== FORMAT_VERSION)
    throw new BackupError(
      `${name} has version ${known.version} of the format, and this program reads version ${FORMAT_VERSION}. Restore it with the version of Rollcall that made it.`,
    );
  const { data, error } = headerShape.safeParse(value);
  if (data) return data;
  throw new BackupError(`${name}:1: the header is not as it was written. ${OTHER_COPY}`, { cause: error });
}

async function* linesOf(source: Source): AsyncGenerator<{ number: number; text: string | null }> {
  for await (const { lines } of lineBlocks(source.open())) yield* lines;
}

/** Returns the value of a line; undefined if it is not JSON. */
function json(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
