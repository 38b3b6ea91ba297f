import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Database } from '../../database/database.js';
import { failed, ok, warning, type Finding } from './finding.js';

const MEGABYTE = 1_000_000;
/** Is how much room on the disk is too little for any work, and how much is little, in bytes. */
const NO_ROOM = 50 * MEGABYTE;
const LITTLE_ROOM = 1000 * MEGABYTE;

/** Lists what a connection to SQLite must be set to, by pragma: the value, and what is at stake. */
const pragmas: readonly (readonly [name: string, value: string | number, stake: string])[] = [
  ['journal_mode', 'wal', 'readers and the writer would wait for each other'],
  ['synchronous', 2, 'a power cut could lose what was acknowledged'],
  ['foreign_keys', 1, 'rows could point at nothing'],
  ['recursive_triggers', 1, 'REPLACE would pass the triggers that count by'],
];

/** Examines the settings of the connection to SQLite. */
export async function examineSqliteSettings(database: Database): Promise<Finding[]> {
  const wrong: Finding[] = [];
  for (const [name, value, stake] of pragmas) {
    const [row] = await database.em.getConnection().execute<Record<string, string | number>[]>(`pragma ${name}`);
    const actual = row?.[name];
    if (actual !== value)
      wrong.push(
        failed(
          `${name} is ${actual}, not ${value}: ${stake}.`,
          'Put the file on a local disk: network file systems cannot do what SQLite needs.',
        ),
      );
  }
  return wrong.length > 0 ? wrong : [ok(`${pragmas.map(([name, value]) => `${name} = ${value}`).join(', ')}.`)];
}

/** Examines the database file, its folder and the room on its disk. */
export async function examineSqliteFile(path: string): Promise<Finding[]> {
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
          'Let the user that runs Rollcall write it; SQLite makes files beside the database.',
        ),
      ];
  }
  const [{ size }, { bavail, bsize }] = await Promise.all([stat(path), statfs(folder)]);
  return [roomFinding(folder, size, bavail * bsize)];
}

/** Gives the finding for a file of so many bytes on a disk with so many free. */
export function roomFinding(folder: string, size: number, free: number): Finding {
  const message = `The file has ${megabytes(size)}, and the disk of ${folder} has ${megabytes(free)} free.`;
  if (free < NO_ROOM) return failed(message, 'Make room: SQLite writes each change into a second file first.');
  return free < LITTLE_ROOM || free < size
    ? warning(message, 'Make room, as much as the file is large at least: a backup needs that too.')
    : ok(message);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / MEGABYTE).toLocaleString('en-US')} MB`;
}
