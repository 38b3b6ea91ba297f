/** The roles of users; stored in lower case, as in the databases that adopters bring. */
export enum Role {
  STUDENT = 'student',
  TEACHER = 'teacher',
  ADMIN = 'admin',
}

/** The stages of a course; students enroll only while it is ACTIVE. */
export enum CourseStatus {
  DRAFT = 'draft',
  ACTIVE = 'active',
  ARCHIVED = 'archived',
}

/** The states of an enrollment; only ACTIVE ones take a seat. */
export enum EnrollmentStatus {
  ACTIVE = 'active',
  COMPLETED = 'completed',
  DROPPED = 'dropped',
  SUSPENDED = 'suspended',
}

/** What a run does: repair drift, or undo what another run changed. */
export enum RunKind {
  RECOUNT = 'recount',
  UNDO = 'undo',
}

/** The states of a run. */
export enum RunStatus {
  RUNNING = 'running',
  PAUSED = 'paused',
  SUCCEEDED = 'succeeded',
  FAILED = 'failed',
  CANCELLED = 'cancelled',
}

/** The largest capacity of a course: what the API and each database can store. */
export const MAX_CAPACITY = 2 ** 31 - 1;
