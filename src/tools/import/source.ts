import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ImportError } from './import-error.js';

/** Is a file to be read, each time from its beginning. */
export interface Source {
  /** Is how messages name it. */
  readonly name: string;
  /** Is its size; null where only reading tells, as for a pipe, which also can be read only once. */
  readonly bytes: number | null;
  readonly open: () => AsyncIterable<Uint8Array>;
}

/** Gives a file as a source. Errors: ImportError, where there is no file that can be read. */
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
