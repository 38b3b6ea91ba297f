import { Writable } from 'node:stream';
import { createInterface } from 'node:readline/promises';
import { tell } from '../output/terminal.js';

/** Asks on the terminal for a text that it does not show. */
export async function askSecret(question: string): Promise<string> {
  tell(question);
  // What the terminal would echo goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    tell('\n');
  }
}
