import { ConnectionHandler, type RecordSourceSelectorProxy } from 'relay-runtime';

/**
 * Takes the row that unenroll deleted out of its course's list: the updater of that mutation. @deleteEdge would look
 * for the bare id.
 */
export function forgetEnrollment(store: RecordSourceSelectorProxy): void {
  const payload = store.getRootField('unenroll');
  const course = payload?.getLinkedRecord('course');
  const list = course && ConnectionHandler.getConnection(course, 'courses_enrollments');
  if (list) ConnectionHandler.deleteNode(list, `Enrollment:${String(payload?.getValue('deletedId'))}`);
}
