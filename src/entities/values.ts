/** Names what a user may do; stored in lower case, as in the databases that adopters bring. */
export enum Role {
  STUDENT = 'student',
  TEACHER = 'teacher',
  ADMIN = 'admin',
}

/** Names the stages of a course; students enroll only while it is ACTIVE. */
export enum CourseStatus {
  DRAFT = 'draft',
  ACTIVE = 'active',
  ARCHIVED = 'archived',
}

/** Names the states of an enrollment; only ACTIVE ones take a seat. */
export enum EnrollmentStatus {
  ACTIVE = 'active',
  COMPLETED = 'completed',
  DROPPED = 'dropped',
  SUSPENDED = 'suspended',
}

/** Names what a run does: repair drift, or take back what another run changed. */
export enum RunKind {
  RECOUNT = 'recount',
  UNDO = 'undo',
}

/** Names the states of a run. */
export enum RunStatus {
  RUNNING = 'running',
  PAUSED = 'paused',
  SUCCEEDED = 'succeeded',
  FAILED = 'failed',
  CANCELLED = 'cancelled',
}
