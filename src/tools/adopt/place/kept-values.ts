import type { Examined } from '../check/examined.js';
import { warning, type Finding } from '../../doctor/finding.js';
import type { OddRows, RowFinding } from '../check/odd-rows.js';
import { deletedFindings } from '../check/deleted.js';
import { duplicateFindings, orphanFindings } from '../check/rows.js';
import { fieldFindings } from '../check/fields.js';
import { neverEmptyFindings } from '../check/required.js';
import { emailFindings, inactiveFindings } from '../check/users.js';
import { valueFindings } from '../check/values.js';

type RowCheck = (examined: Examined) => RowFinding[] | Promise<RowFinding[]>;

/** The checks of rows that are not as ours are, other than by values that the map translates. */
const rowChecks: readonly RowCheck[] = [
  fieldFindings,
  duplicateFindings,
  orphanFindings,
  emailFindings,
  inactiveFindings,
  deletedFindings,
];

/** The checks of what a copy would change or reject, or a change of ours could not have. */
const checks: readonly RowCheck[] = [neverEmptyFindings, valueFindings, ...rowChecks];

/** Returns, in words, the columns, values and rows of theirs that are not as ours are: all of them are kept. */
export async function keptValues(examined: Examined): Promise<string[]> {
  return (await oddOnes(examined, checks)).map(({ inPlace }) => inPlace);
}

/** Returns what is to be said of the rows of a database that was opened in place, apart from unknown values. */
export async function keptRows(examined: Examined): Promise<Finding[]> {
  return (await oddOnes(examined, rowChecks)).map(({ inPlace, advice }) => warning(inPlace, advice));
}

async function oddOnes(examined: Examined, all: readonly RowCheck[]): Promise<OddRows[]> {
  const found: OddRows[] = [];
  for (const find of all) for (const finding of await find(examined)) if ('inPlace' in finding) found.push(finding);
  return found;
}
