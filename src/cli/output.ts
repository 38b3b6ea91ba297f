/**
 * The only place that writes to the terminal: results to standard output, all else to standard error. A status line at
 * the bottom of the terminal, such as a bar, is taken away before anything else is written, so that nothing lands on
 * it.
 */
import { printable } from './table.js';

/** A line that is drawn again and again at the bottom of the terminal. */
export interface StatusLine {
  /** Takes the line off the terminal and leaves the cursor where it began. */
  readonly clear: () => void;
}

/** Matches what stands between the ends of lines and tabs. */
const BETWEEN_BREAKS = /[^\n\t]+/g;

let status: StatusLine | null = null;

/** Names the status line that is on the terminal now; null: none is. */
export function setStatusLine(line: StatusLine | null): void {
  status = line;
}

/** Writes a part of the command's result to standard output; to a terminal, without what would steer it. */
export function print(text: string): void {
  makeRoomOn(process.stdout);
  process.stdout.write(shownOn(process.stdout, text));
}

/** Writes like print() and waits until the reader has taken the text: for results that may be long. */
export function printWhole(text: string): Promise<void> {
  makeRoomOn(process.stdout);
  return new Promise(resolve => process.stdout.write(shownOn(process.stdout, text), () => resolve()));
}

/**
 * Writes a message to standard error: what people should know beside the result. It may quote what others have written,
 * such as titles and names of files.
 */
export function tell(text: string): void {
  makeRoomOn(process.stderr);
  process.stderr.write(plain(text));
}

/** Returns a result as it is for a program, and without control characters for a terminal, which would obey them. */
function shownOn({ isTTY }: NodeJS.WriteStream, text: string): string {
  return isTTY ? plain(text) : text;
}

function plain(text: string): string {
  return text.replaceAll(BETWEEN_BREAKS, printable);
}

function makeRoomOn(stream: NodeJS.WriteStream): void {
  if (stream.isTTY) status?.clear();
}
