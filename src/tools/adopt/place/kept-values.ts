import type { Finding } from '../../doctor/finding.js';
import type { Examined } from '../check/examined.js';
import { duplicateFindings, orphanFindings } from '../check/rows.js';
import { emailFindings, inactiveFindings } from '../check/users.js';
import { valueFindings } from '../check/values.js';

/** The checks of rows that a copy would change or reject, each with what becomes of them in place. */
const checks: readonly (readonly [find: (examined: Examined) => Finding[] | Promise<Finding[]>, inPlace: string])[] = [
  [valueFindings, 'They stay as they are, and are shown as unknown.'],
  [duplicateFindings, 'They stay, and each of them counts.'],
  [orphanFindings, 'They stay.'],
  [emailFindings, 'They stay.'],
  [inactiveFindings, 'They stay, with the rights of students.'],
];

/** The sentence in which a check says what a copy does with the rows. */
const ABOUT_COPIES = [' A copy ', ' The user with the lowest id keeps it; a copy '];

/** Returns, in words, the values and rows of theirs that are not as ours are, with their numbers: all of them are kept. */
export async function keptValues(examined: Examined): Promise<string[]> {
  const kept: string[] = [];
  for (const [find, inPlace] of checks)
    for (const { status, message } of await find(examined))
      if (status === 'warning') kept.push(`${beforeCopies(message)} ${inPlace}`);
  return kept;
}

function beforeCopies(message: string): string {
  const end = Math.max(...ABOUT_COPIES.map(words => message.lastIndexOf(words)));
  return end < 0 ? message : message.slice(0, end);
}
