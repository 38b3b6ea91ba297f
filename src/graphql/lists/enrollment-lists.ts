import { enrollmentCount, enrollmentPage, type EnrollmentParent, type EnrollmentRow } from '../../reading/index.js';
import { Enrollment, type Key } from '../../entities/index.js';
import { signedIn } from '../../access/access.js';
import type { AskedIn } from './asked-fields.js';
import type { Context } from '../context.js';
import { enrollmentFilterOf, enrollmentOrderingOf, type EnrollmentPageArgs } from '../inputs/filters.js';
import { connectionOf, pageRequest, type Connection } from './pagination.js';
import { leavingOutGone } from './loaders.js';
import { askedOfEntries } from './present-enrollments.js';

/** Returns a page of all enrollments that the viewer sees. Errors: UNAUTHENTICATED, BAD_USER_INPUT. */
export async function enrollmentConnection(
  context: Context,
  args: EnrollmentPageArgs,
  info: AskedIn,
): Promise<Connection<EnrollmentRow>> {
  const { database, viewer, selected } = context;
  const known = signedIn(viewer);
  const order = enrollmentOrderingOf(database, args.orderBy);
  const filter = enrollmentFilterOf(database, args.filter);
  const page = await enrollmentPage(database, known, filter, order, pageRequest(args, order), selected(Enrollment));
  return connectionOf(
    page,
    order,
    () => enrollmentCount(database, known, filter),
    await leavingOutGone(context.loaders, page.rows, askedOfEntries(info)),
  );
}

/** Returns a page of the enrollments of one course or student, batched over the request. Errors: as above. */
export async function nestedEnrollmentConnection(
  context: Context,
  parent: EnrollmentParent,
  id: Key,
  args: EnrollmentPageArgs,
  info: AskedIn,
): Promise<Connection<EnrollmentRow>> {
  const { database, viewer, loaders } = context;
  const known = signedIn(viewer);
  const order = enrollmentOrderingOf(database, args.orderBy);
  const list = { parent, filter: enrollmentFilterOf(database, args.filter), order, page: pageRequest(args, order) };
  const { page, shown } = await loaders.enrollments(known, list, askedOfEntries(info)).load(id);
  return connectionOf(
    page,
    order,
    () => loaders.enrollmentCount(known, { parent, filter: list.filter }).load(id),
    shown,
  );
}
