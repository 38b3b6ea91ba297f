import { createInterface } from 'node:readline/promises';

/** Returns true where there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal; only the whole word is a yes. */
export async function isConfirmed(what: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(`Type "yes" to ${what}: `)).trim() === 'yes';
  } finally {
    terminal.close();
  }
}
