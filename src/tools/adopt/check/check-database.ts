import { failed, type Finding, type NamedFinding } from '../../doctor/finding.js';
import type { Examined } from './examined.js';
import { countFindings } from './counts.js';
import { fieldFindings } from './fields.js';
import { indexFindings } from './indexes.js';
import { nameFindings } from './names.js';
import { deletedFindings } from './deleted.js';
import { emailFindings, inactiveFindings } from './users.js';
import { duplicateFindings, idFindings, orphanFindings } from './rows.js';
import {
  cascadeFindings,
  childFindings,
  columnFindings,
  keyFindings,
  missingFindings,
  tableFindings,
  textFindings,
  triggerFindings,
  typeFindings,
  uniqueFindings,
} from './tables.js';
import { neverEmptyFindings, requiredFindings } from './required.js';
import { valueFindings } from './values.js';

/** Returns what one check found. */
type Check = (examined: Examined) => Finding[] | Promise<Finding[]>;

/** The checks of the tables and columns that the map names: the others read them. */
const placeChecks: Readonly<Record<string, Check>> = {
  tables: tableFindings,
  columns: columnFindings,
};

/** The checks of whether the rows can be copied at all. */
const formChecks: Readonly<Record<string, Check>> = {
  types: typeFindings,
  keys: keyFindings,
};

/** The checks of everything else, in the order of the report. */
const otherChecks: Readonly<Record<string, Check>> = {
  ...formChecks,
  missing: missingFindings,
  indexes: indexFindings,
  required: examined => [...requiredFindings(examined), ...neverEmptyFindings(examined)],
  names: nameFindings,
  unique: uniqueFindings,
  cascades: cascadeFindings,
  triggers: triggerFindings,
  children: childFindings,
  texts: textFindings,
  ids: idFindings,
  fields: fieldFindings,
  values: valueFindings,
  duplicates: duplicateFindings,
  references: orphanFindings,
  emails: emailFindings,
  inactive: inactiveFindings,
  deleted: deletedFindings,
  counts: countFindings,
};

/**
 * Examines another application's database by a map, all at once: what is where, what a copy would reject, and what it
 * would do with each. Reads only. Several findings of one check stand for several things.
 */
export async function* checkDatabase(examined: Examined): AsyncGenerator<NamedFinding> {
  let readable = true;
  for (const [check, findings] of Object.entries(placeChecks)) {
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

/** Returns why the rows cannot be copied by the map, each reason with what to do; none: they can. */
export async function refusalsOf(examined: Examined): Promise<string[]> {
  for (const checks of [placeChecks, formChecks]) {
    const findings = (await Promise.all(Object.values(checks).map(async check => check(examined)))).flat();
    const faults = findings.filter(({ status }) => status === 'failed');
    if (faults.length > 0) return faults.map(({ message, advice }) => (advice ? `${message} ${advice}` : message));
  }
  return [];
}
