/**
 * The only file that writes to the terminal: results to standard output, everything else to standard error. A status
 * line at the bottom of the terminal, such as a progress bar, is removed before anything else is written, so that
 * nothing lands on it.
 */
import { printable } from './printable.js';

/** A line at the bottom of the terminal that is drawn again and again. */
export interface StatusLine {
  /** Removes the line from the terminal and leaves the cursor where it began. */
  readonly clear: () => void;
}

/** Text between line breaks and tabs. */
const BETWEEN_BREAKS = /[^\n\t]+/g;

let status: StatusLine | null = null;

/** Sets the status line that is on the terminal now, or null if there is none. */
export function setStatusLine(line: StatusLine | null): void {
  status = line;
}

/** Writes a part of the command's result to standard output; on a terminal, without control characters. */
export function print(text: string): void {
  makeRoomOn(process.stdout);
  process.stdout.write(shownOn(process.stdout, text));
}

/** Writes as print() does, and waits until the reader has taken the text: for results that may be long. */
export function printWhole(text: string): Promise<void> {
  makeRoomOn(process.stdout);
  return new Promise(resolve => process.stdout.write(shownOn(process.stdout, text), () => resolve()));
}

/**
 * Writes a message to standard error: what people should know beside the result. It may quote texts of others, such as
 * titles and names of files.
 */
export function tell(text: string): void {
  makeRoomOn(process.stderr);
  process.stderr.write(plain(text));
}

/** Returns a result unchanged for a program, and without control characters for a terminal, which would obey them. */
function shownOn({ isTTY }: NodeJS.WriteStream, text: string): string {
  return isTTY ? plain(text) : text;
}

function plain(text: string): string {
  return text.replaceAll(BETWEEN_BREAKS, printable);
}

function makeRoomOn(stream: NodeJS.WriteStream): void {
  if (stream.isTTY) status?.clear();
}
