/**
 * The only place that writes to the terminal: results to standard output, all else to standard error. A status line at
 * the bottom of the terminal, such as a bar, is taken away before anything else is written, so that nothing lands on it.
 */

/** A line that is drawn again and again at the bottom of the terminal. */
export interface StatusLine {
  /** Takes the line off the terminal and leaves the cursor where it began. */
  clear(): void;
}

let status: StatusLine | null = null;

/** Names the status line that is on the terminal now; null: none is. */
export function setStatusLine(line: StatusLine | null): void {
  status = line;
}

/** Writes a part of the command's result to standard output. */
export function print(text: string): void {
  makeRoomOn(process.stdout);
  process.stdout.write(text);
}

/** Writes like print() and waits until the reader has taken the text: for results that may be long. */
export function printWhole(text: string): Promise<void> {
  makeRoomOn(process.stdout);
  return new Promise(resolve => process.stdout.write(text, () => resolve()));
}

/** Writes a message to standard error: what people should know beside the result. */
export function tell(text: string): void {
  makeRoomOn(process.stderr);
  process.stderr.write(text);
}

function makeRoomOn(stream: NodeJS.WriteStream): void {
  if (stream.isTTY) status?.clear();
}
