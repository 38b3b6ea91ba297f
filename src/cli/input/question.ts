import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { tell } from '../output/terminal.js';

/**
 * Asks on the terminal, and returns the line that is typed; null: Ctrl+C or Ctrl+D was pressed in its place. What is
 * typed is not shown if it is secret.
 */
export async function answerTo(question: string, { isSecret = false } = {}): Promise<string | null> {
  // What the terminal would echo goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({
    input: process.stdin,
    output: isSecret ? nowhere : process.stderr,
    terminal: true,
  });
  // Only now: the terminal itself shows what is typed until the interface has been made.
  if (isSecret) tell(question);
  const left = new AbortController();
  const closed = once(terminal, 'close', { signal: left.signal }).then(
    () => null,
    () => null,
  );
  let answer: string | null = null;
  try {
    answer = await Promise.race([terminal.question(isSecret ? '' : question), closed]);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ABORT_ERR')) throw error;
  } finally {
    left.abort();
    terminal.close();
    // Nothing but the Enter that ends an answer has begun a new line.
    if (isSecret || answer === null) tell('\n');
  }
  return answer;
}
