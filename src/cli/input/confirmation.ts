import { answerTo } from './question.js';

/** Returns whether there is a terminal on which a person can answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal whether to do something; only the whole word is a yes. */
export async function confirm(action: string): Promise<boolean> {
  return (await answerTo(`Type "yes" to ${action}: `))?.trim() === 'yes';
}
