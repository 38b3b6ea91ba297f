import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ImportError } from './import-error.js';

/** A file that is read from its beginning each time. */
export interface Source {
  /** Its name in messages. */
  readonly name: string;
  /** Its size; null if it is unknown, as that of a pipe, which also can be read only once. */
  readonly bytes: number | null;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Returns a file as a source. Errors: ImportError if there is no readable file. */
export async function fileSource(path: string): Promise<Source> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new ImportError('IMPORT_FILE', messageOf(path, error.code), { cause: error });
  });
  if (facts.isDirectory()) throw new ImportError('IMPORT_FILE', messageOf(path, 'EISDIR'));
  return { name: path, bytes: facts.isFile() ? facts.size : null, open: () => chunksOfFile(path) };
}

async function* chunksOfFile(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 });
  } catch (error) {
    throw new ImportError('IMPORT_FILE', messageOf(path, (error as NodeJS.ErrnoException).code), { cause: error });
  }
}

function messageOf(path: string, code: string | undefined): string {
  if (code === 'ENOENT' || code === 'ENOTDIR') return `There is no file ${path}. Check the path.`;
  if (code === 'EISDIR') return `${path} is a folder. Name a file in it.`;
  if (code === 'EACCES' || code === 'EPERM')
    return `${path} may not be read by this user. Change its permissions, or copy it.`;
  return `${path} cannot be read (${code}).`;
}
