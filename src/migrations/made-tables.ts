import { courseListIndexes, courseOrderIndexes, pageIndexes, type AddedIndexes } from './added-indexes.js';

/** A table that a migration makes, with what distinguishes it from a table of the same name in another application. */
export interface MadeTable {
  readonly name: string;
  readonly columns: readonly string[];
  /** The names of its indexes, including those of later migrations, without that of the primary key. */
  readonly indexes: readonly string[];
}

/** The tables of users, courses and enrollments, in the order in which they can be dropped. */
export const INITIAL_TABLES: readonly MadeTable[] = [
  {
    name: 'core_enrollments',
    columns: ['id', 'course_id', 'student_id', 'status', 'enrolled_at', 'updated_at'],
    indexes: [
      'core_enrollments_course_id_index',
      'core_enrollments_student_id_index',
      'core_enrollments_enrolled_at_index',
      'core_enrollments_course_id_status_index',
      'core_enrollments_course_id_student_id_unique',
      ...namesOf(pageIndexes),
      ...namesOf(courseOrderIndexes),
    ],
  },
  {
    name: 'core_course',
    columns: [
      'id',
      'title',
      'description',
      'status',
      'is_published',
      'capacity',
      'instructor_id',
      'total_enrollments',
      'active_enrollments',
      'created_at',
      'updated_at',
    ],
    indexes: [
      'core_course_title_index',
      'core_course_instructor_id_index',
      'core_course_total_enrollments_index',
      'core_course_created_at_index',
      ...namesOf(courseListIndexes),
    ],
  },
  {
    name: 'core_user',
    columns: ['id', 'name', 'email', 'role', 'created_at', 'updated_at'],
    indexes: ['core_user_email_unique'],
  },
];

/** The tables of runs and of the changes that they record, in the order in which they can be dropped. */
export const RUN_TABLES: readonly MadeTable[] = [
  {
    name: 'core_recount_changes',
    columns: ['id', 'run_id', 'counter', 'course_id', 'count_before', 'count_after'],
    indexes: ['core_recount_changes_run_id_index'],
  },
  {
    name: 'core_recount_runs',
    columns: [
      'id',
      'kind',
      'status',
      'undone_run_id',
      'dry_run',
      'started_by',
      'course_ids',
      'batch_size',
      'throttle',
      'total',
      'checked',
      'drifted',
      'repaired',
      'cursor_id',
      'error',
      'owner',
      'lease_expires_at',
      'is_starting',
      'slot',
      'started_at',
      'updated_at',
      'finished_at',
    ],
    indexes: [
      'core_recount_runs_undone_run_id_index',
      'core_recount_runs_is_starting_unique',
      'core_recount_runs_slot_unique',
    ],
  },
];

function namesOf({ indexes }: AddedIndexes): string[] {
  return indexes.map(({ name }) => name);
}
