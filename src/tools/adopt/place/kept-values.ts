import type { Examined } from '../check/examined.js';
import type { RowFinding } from '../check/odd-rows.js';
import { deletedFindings } from '../check/deleted.js';
import { duplicateFindings, orphanFindings } from '../check/rows.js';
import { fieldFindings } from '../check/fields.js';
import { neverEmptyFindings } from '../check/required.js';
import { emailFindings, inactiveFindings } from '../check/users.js';
import { valueFindings } from '../check/values.js';

/** The checks of what a copy would change or reject, or a change of ours could not have. */
const checks: readonly ((examined: Examined) => RowFinding[] | Promise<RowFinding[]>)[] = [
  neverEmptyFindings,
  fieldFindings,
  valueFindings,
  duplicateFindings,
  orphanFindings,
  emailFindings,
  inactiveFindings,
  deletedFindings,
];

/** Returns, in words, the columns, values and rows of theirs that are not as ours are: all of them are kept. */
export async function keptValues(examined: Examined): Promise<string[]> {
  const kept: string[] = [];
  for (const find of checks)
    for (const finding of await find(examined)) if ('inPlace' in finding) kept.push(finding.inPlace);
  return kept;
}
