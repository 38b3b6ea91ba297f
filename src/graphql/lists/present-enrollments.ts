/**
 * Enrollments are read by one statement, and the courses and students that they belong to by another, which has a
 * snapshot of its own. A course or student that is gone by then took its enrollments along, in one transaction; so an
 * enrollment without them is gone too, and is left out, rather than to fail all of an answer in which neither may be
 * missing.
 *
 * What they belong to is read by the loaders, before the enrollments are shown and only where it is asked for: the
 * fields then find it there, so nothing is read twice.
 */
import type { EnrollmentRow } from '../../reading/index.js';
import { isAskedFor, type AskedIn } from './asked-fields.js';
import type { Context } from '../context.js';
import { leavingOutGone, type AskedParents } from './loaders.js';

/** The paths from a connection to its entries. */
const ENTRIES = [['nodes'], ['edges', 'node']] as const;

/** Returns which of what its entries belong to is asked of the connection that is being resolved. */
export function askedOfEntries(info: AskedIn): AskedParents {
  return asked(field => ENTRIES.some(path => isAskedFor(info, [...path, field])));
}

/**
 * Returns an enrollment that the field which is being resolved shows, or a field within it by name; null: it is gone.
 */
export async function presentOne(
  context: Context,
  row: EnrollmentRow,
  info: AskedIn,
  ...path: readonly string[]
): Promise<EnrollmentRow | null> {
  return (await presentAt(context, [row], info, ...path))[0] ?? null;
}

/** Returns those of several enrollments that are still there; as above. */
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
