import { failed, type Finding, type NamedFinding } from '../../doctor/finding.js';
import type { Examined } from './examined.js';
import { countFindings } from './counts.js';
import { emailFindings, inactiveFindings } from './users.js';
import { duplicateFindings, keyFindings, orphanFindings } from './rows.js';
import {
  cascadeFindings,
  childFindings,
  columnFindings,
  missingFindings,
  requiredFindings,
  tableFindings,
  textFindings,
  triggerFindings,
  typeFindings,
  uniqueFindings,
} from './tables.js';
import { valueFindings } from './values.js';

/** Returns what one check found. */
type Check = (examined: Examined) => Finding[] | Promise<Finding[]>;

/** The checks of the catalog: without faults in these, the others can read the rows. */
const catalogChecks: Readonly<Record<string, Check>> = {
  tables: tableFindings,
  columns: columnFindings,
};

/** The checks of everything else, in the order of the report. */
const otherChecks: Readonly<Record<string, Check>> = {
  types: typeFindings,
  missing: missingFindings,
  required: requiredFindings,
  unique: uniqueFindings,
  cascades: cascadeFindings,
  triggers: triggerFindings,
  children: childFindings,
  texts: textFindings,
  ids: keyFindings,
  values: valueFindings,
  duplicates: duplicateFindings,
  references: orphanFindings,
  emails: emailFindings,
  inactive: inactiveFindings,
  counts: countFindings,
};

/**
 * Examines another application's database by a map, all at once: what is where, what a copy would reject, and what it
 * would do with each. Reads only. Several findings of one check stand for several things.
 */
export async function* checkDatabase(examined: Examined): AsyncGenerator<NamedFinding> {
  let readable = true;
  for (const [check, findings] of Object.entries(catalogChecks)) {
    for (const finding of await findings(examined)) {
      readable &&= finding.status !== 'failed';
      yield { check, ...finding };
    }
  }
  if (!readable) {
    yield {
      check: 'rows',
      ...failed(
        'The rows were not examined, because the map names what does not exist.',
        'Correct the map and check again.',
      ),
    };
    return;
  }
  for (const [check, findings] of Object.entries(otherChecks)) {
    try {
      for (const finding of await findings(examined)) yield { check, ...finding };
    } catch (error) {
      // A query that this database rejects, such as a comparison of two types, costs its own check only.
      yield { check, ...failed(`Not examined: ${(error as Error).message.split('\n')[0]}.`) };
    }
  }
}
