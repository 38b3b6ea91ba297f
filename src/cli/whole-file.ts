import { randomUUID } from 'node:crypto';
import { link, lstat, open, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { CommandError } from './failure.js';

/** Appends text to a file that is being made. */
export type Append = (text: string) => Promise<void>;

/**
 * Makes a file that is there as a whole or not at all: it is written under another name beside, and gets its own when
 * all of it is on the disk. Where `work` gives null, none is made. One that is there already is replaced only by
 * `force`. Errors: CommandError.
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
    if (result !== null) await giveName(beside, place, force);
    return result;
  } catch (error) {
    throw fileProblem(path, error);
  } finally {
    await rm(beside, { force: true });
  }
}

/** Gives where the file is to be: for a link, what it points to. */
async function placeOf(path: string, force: boolean): Promise<string> {
  try {
    const facts = await lstat(path);
    if (!force) throw new CommandError(`${path} is there already. Give another name, or add --force to replace it.`);
    const place = facts.isSymbolicLink() ? await realpath(path) : path;
    if ((await lstat(place)).isFile()) return place;
    throw new CommandError(`${path} is no file that could be replaced. Give another name, or - for standard output.`);
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

/** Gives a file its name; without force by a link, which fails where somebody else has taken the name meanwhile. */
async function giveName(beside: string, place: string, force: boolean): Promise<void> {
  if (force) await rename(beside, place);
  else await link(beside, place);
}

function fileProblem(path: string, error: unknown): unknown {
  const { code = '', syscall } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST')
    return new CommandError(
      `${path} was made by somebody else meanwhile. Give another name, or add --force to replace it.`,
      { cause: error },
    );
  if (syscall === 'link')
    return new CommandError(
      `The folder of ${path} lets no file get its name without replacing another (${code}). Add --force, or choose another folder.`,
      { cause: error },
    );
  const problem = problems[code];
  return problem ? new CommandError(`${path} cannot be written: ${problem} (${code}).`, { cause: error }) : error;
}

const problems: Readonly<Record<string, string>> = {
  ENOENT: 'its folder is not there',
  ENOTDIR: 'its folder is a file',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the disk may only be read',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'its name is too long',
};
