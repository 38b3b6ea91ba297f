import { ConnectionHandler, type RecordSourceSelectorProxy } from 'relay-runtime';

/**
 * Removes the row that unenroll deleted from its course's list: the updater of that mutation. @deleteEdge would look
 * for the bare id.
 */
export function forgetEnrollment(store: RecordSourceSelectorProxy): void {
  const payload = store.getRootField('unenroll');
  const course = payload?.getLinkedRecord('course');
  const list = course && ConnectionHandler.getConnection(course, 'courses_enrollments');
  if (list) ConnectionHandler.deleteNode(list, `Enrollment:${String(payload?.getValue('deletedId'))}`);
}
