/**
 * One statement reads enrollments, and another one their courses and students, in a snapshot of its own. A course or
 * student that was deleted in between was deleted together with its enrollments, in one transaction. So an enrollment
 * without them no longer exists and is left out; otherwise the whole answer would fail, because both fields are
 * non-null.
 *
 * The loaders read courses and students before the enrollments are shown, and only if they are selected. The fields then
 * use the same loaders, so nothing is read twice.
 */
import type { EnrollmentRow } from '../../reading/index.js';
import { isAskedFor, type AskedIn } from './asked-fields.js';
import type { Context } from '../context.js';
import { leavingOutGone, type AskedParents } from './loaders.js';

/** The paths from a connection to its entries. */
const ENTRIES = [['nodes'], ['edges', 'node']] as const;

/** Returns which relations of its entries are selected in the connection that is being resolved. */
export function askedOfEntries(info: AskedIn): AskedParents {
  return asked(field => ENTRIES.some(path => isAskedFor(info, [...path, field])));
}

/**
 * Returns an enrollment for the field that is being resolved, or for a field within it by name; null: it was deleted.
 */
export async function presentOne(
  context: Context,
  row: EnrollmentRow,
  info: AskedIn,
  ...path: readonly string[]
): Promise<EnrollmentRow | null> {
  return (await presentAt(context, [row], info, ...path))[0] ?? null;
}

/** Returns those of several enrollments that still exist; as above. */
export function presentAt(
  { loaders }: Context,
  rows: readonly EnrollmentRow[],
  info: AskedIn,
  ...path: readonly string[]
): Promise<readonly EnrollmentRow[]> {
  return leavingOutGone(
    loaders,
    rows,
    asked(field => isAskedFor(info, [...path, field])),
  );
}

function asked(isAsked: (field: keyof AskedParents) => boolean): AskedParents {
  return { course: isAsked('course'), student: isAsked('student') };
}
