import type { Examined } from '../check/examined.js';
import type { RowFinding } from '../check/odd-rows.js';
import { deletedFindings } from '../check/deleted.js';
import { duplicateFindings, orphanFindings } from '../check/rows.js';
import { emailFindings, inactiveFindings } from '../check/users.js';
import { valueFindings } from '../check/values.js';

/** The checks of rows that a copy would change or reject. */
const checks: readonly ((examined: Examined) => RowFinding[] | Promise<RowFinding[]>)[] = [
  valueFindings,
  duplicateFindings,
  orphanFindings,
  emailFindings,
  inactiveFindings,
  deletedFindings,
];

/** Returns, in words, the values and rows of theirs that are not as ours are, with their numbers: all of them are kept. */
export async function keptValues(examined: Examined): Promise<string[]> {
  const kept: string[] = [];
  for (const find of checks)
    for (const finding of await find(examined)) if ('inPlace' in finding) kept.push(finding.inPlace);
  return kept;
}
