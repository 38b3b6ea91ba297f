import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { failed, ok, warning, type Finding } from '../finding.js';

const BYTES_PER_MEGABYTE = 1_000_000;
/** The free space on the disk below which no work is possible, and the space that is enough, in bytes. */
const MIN_ROOM_BYTES = 50 * BYTES_PER_MEGABYTE;
const AMPLE_ROOM_BYTES = 1000 * BYTES_PER_MEGABYTE;

/** Examines the database file, its folder and the free space on its disk. */
export async function examineFile(path: string): Promise<Finding[]> {
  const folder = dirname(path);
  for (const [what, name] of [
    ['file', path],
    ['folder', folder],
  ] as const) {
    const { code } = await access(name, constants.W_OK).then(
      () => ({ code: null }),
      (error: NodeJS.ErrnoException) => error,
    );
    if (code !== null)
      return [
        failed(
          `The ${what} ${name} may not be written (${code}).`,
          'Give the user that runs Rollcall write access; SQLite creates files beside the database.',
        ),
      ];
  }
  const [{ size }, { bavail, bsize }] = await Promise.all([stat(path), statfs(folder)]);
  return [roomFinding(folder, size, bavail * bsize)];
}

/** Returns the finding for the size of a file and the free space on its disk, in bytes. */
export function roomFinding(folder: string, size: number, free: number): Finding {
  const message = `The file has ${megabytes(size)}, and the disk of ${folder} has ${megabytes(free)} free.`;
  if (free < MIN_ROOM_BYTES) return failed(message, 'Make room: SQLite writes each change into a second file first.');
  return free < AMPLE_ROOM_BYTES || free < size
    ? warning(message, 'Make at least as much room as the size of the file: a backup needs that too.')
    : ok(message);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / BYTES_PER_MEGABYTE).toLocaleString('en-US')} MB`;
}
