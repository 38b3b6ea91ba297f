import { randomUUID } from 'node:crypto';
import { link, lstat, open, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { CommandError } from '../failures/command-error.js';

/** Appends text to a file that is being written. */
export type Append = (text: string) => Promise<void>;

/**
 * Writes a file that exists as a whole or not at all: it is written under another name beside its own, and renamed when
 * all of it is on the disk. If `work` returns null, no file is left. An existing file is replaced only with `force`.
 * Errors: CommandError.
 */
export async function writeWholeFile<Result>(
  path: string,
  force: boolean,
  work: (append: Append) => Promise<Result | null>,
): Promise<Result | null> {
  const place = await placeOf(path, force);
  const beside = `${place}.${randomUUID().slice(0, 8)}.partial`;
  try {
    const file = await open(beside, 'wx');
    const result = await writeWhole(file, work);
    if (result !== null) await renameFile(beside, place, force);
    return result;
  } catch (error) {
    throw fileProblem(path, error);
  } finally {
    await rm(beside, { force: true });
  }
}

/** Returns the path of the file itself: for a link, that of its target. */
async function placeOf(path: string, force: boolean): Promise<string> {
  try {
    const facts = await lstat(path);
    if (!force) throw new CommandError(`${path} exists already. Give another name, or add --force to replace it.`);
    const place = facts.isSymbolicLink() ? await realpath(path) : path;
    if ((await lstat(place)).isFile()) return place;
    throw new CommandError(
      `${path} is not a file, so it cannot be replaced. Give another name, or - for standard output.`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileProblem(path, error);
    return path;
  }
}

async function writeWhole<Result>(file: FileHandle, work: (append: Append) => Promise<Result>): Promise<Result> {
  try {
    const result = await work(text => file.appendFile(text));
    await file.sync();
    return result;
  } finally {
    await file.close();
  }
}

/** Renames a file; without `force` by a link, which fails if somebody else has taken the name meanwhile. */
async function renameFile(beside: string, place: string, force: boolean): Promise<void> {
  if (force) await rename(beside, place);
  else await link(beside, place);
}

function fileProblem(path: string, error: unknown): unknown {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST')
    return new CommandError(
      `Another process has created ${path} meanwhile. Give another name, or add --force to replace it.`,
      { cause: error },
    );
  if (syscall === 'link')
    return new CommandError(
      `The file system of ${path} cannot rename a file without the risk of replacing another (${code}). Add --force, or choose another folder.`,
      { cause: error },
    );
  const problem = problems[code];
  return problem ? new CommandError(`${path} cannot be written: ${problem} (${code}).`, { cause: error }) : error;
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is a file',
  EACCES: 'this user is not allowed to write there',
  EPERM: 'this user is not allowed to write there',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'its name is too long',
};
