import { registerEnumType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus, Role, RunKind, RunStatus } from '../../entities/index.js';
import { UserErrorCode } from '../../use-cases/outcome.js';
import { userErrorCatalogue } from '../errors/user-error-catalogue.js';

/** Says whether a computed count is the whole count. */
export enum CountPrecision {
  EXACT = 'EXACT',
  AT_LEAST = 'AT_LEAST',
}

/** Names the directions of an order. */
export enum OrderDirection {
  ASC = 'ASC',
  DESC = 'DESC',
}

/** Names what courses can be ordered by; the value is the column. */
export enum CourseOrderField {
  ID = 'id',
  TITLE = 'title',
  TOTAL_ENROLLMENTS = 'total_enrollments',
  CREATED_AT = 'created_at',
}

/** Names what enrollments can be ordered by; the value is the column. */
export enum EnrollmentOrderField {
  ID = 'id',
  ENROLLED_AT = 'enrolled_at',
}

registerEnumType(Role, {
  name: 'Role',
  description: 'What a user may do.',
  valuesConfig: {
    STUDENT: { description: 'Enrolls itself and sees its own enrollments.' },
    TEACHER: { description: 'Manages its own courses and their enrollments.' },
    ADMIN: { description: 'May do everything.' },
  },
});
registerEnumType(CourseStatus, {
  name: 'CourseStatus',
  description: 'The stages of a course.',
  valuesConfig: {
    DRAFT: { description: 'Being prepared; students cannot enroll yet.' },
    ACTIVE: { description: 'Open to students, if it is published.' },
    ARCHIVED: { description: 'Over; students cannot enroll any more.' },
  },
});
registerEnumType(EnrollmentStatus, {
  name: 'EnrollmentStatus',
  description: 'The states of an enrollment.',
  valuesConfig: {
    ACTIVE: { description: 'Takes part, and takes a seat.' },
    COMPLETED: { description: 'Has finished the course.' },
    DROPPED: { description: 'Has left the course.' },
    SUSPENDED: { description: 'Is kept from taking part for now.' },
  },
});
registerEnumType(CountPrecision, {
  name: 'CountPrecision',
  description: 'Whether a computed count is the whole count.',
  valuesConfig: {
    EXACT: { description: 'All were counted.' },
    AT_LEAST: { description: 'Counting stopped at the limit; there are more.' },
  },
});
registerEnumType(OrderDirection, {
  name: 'OrderDirection',
  description: 'The directions of an order.',
  valuesConfig: { ASC: { description: 'Smallest first.' }, DESC: { description: 'Largest first.' } },
});
registerEnumType(CourseOrderField, {
  name: 'CourseOrderField',
  description: 'What courses can be ordered by; equal ones by id.',
  valuesConfig: {
    ID: { description: 'The id.' },
    TITLE: { description: 'The title, as the database sorts text; SQLite puts capital letters before small ones.' },
    TOTAL_ENROLLMENTS: { description: 'The stored count of all enrollments.' },
    CREATED_AT: { description: 'The moment of creation.' },
  },
});
registerEnumType(EnrollmentOrderField, {
  name: 'EnrollmentOrderField',
  description: 'What enrollments can be ordered by; equal ones by id.',
  valuesConfig: { ID: { description: 'The id.' }, ENROLLED_AT: { description: 'The moment of enrollment.' } },
});
registerEnumType(RunKind, {
  name: 'RunKind',
  description: 'What a run does.',
  valuesConfig: {
    RECOUNT: { description: 'Repairs drift or, in a dry run, tells of it.' },
    UNDO: { description: 'Takes back what another run changed.' },
  },
});
registerEnumType(RunStatus, {
  name: 'RunStatus',
  description: 'Where a run stands.',
  valuesConfig: {
    RUNNING: { description: 'A process is at work on it.' },
    PAUSED: { description: 'Nobody works on it; it can be resumed or cancelled.' },
    SUCCEEDED: { description: 'All is done.' },
    FAILED: { description: 'An error ended it, or it was interrupted; it can be resumed.' },
    CANCELLED: { description: 'Was ended for good before all was done; what it changed stays, and can be undone.' },
  },
});
registerEnumType(UserErrorCode, {
  name: 'UserErrorCode',
  description: 'What a caller can fix.',
  valuesConfig: Object.fromEntries(
    Object.entries(userErrorCatalogue).map(([code, { meaning }]) => [code, { description: meaning }]),
  ),
});
