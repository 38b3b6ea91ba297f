import type { RecordSourceSelectorProxy } from 'relay-runtime';

/** Takes the row that unenroll deleted out of every list: the updater of that mutation. @deleteRecord would look for a record by the bare id. */
export function forgetEnrollment(store: RecordSourceSelectorProxy): void {
  const id = store.getRootField('unenroll')?.getValue('deletedId');
  if (id != null) store.delete(`Enrollment:${String(id)}`);
}
