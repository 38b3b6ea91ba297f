import { registerEnumType } from 'type-graphql';
import { CourseStatus, EnrollmentStatus, Role, RunKind, RunStatus } from '../../entities/index.js';
import { UserErrorCode } from '../../use-cases/outcome.js';
import { userErrorCatalogue } from '../errors/user-error-catalogue.js';

/** The precision of a computed count. */
export enum CountPrecision {
  EXACT = 'EXACT',
  AT_LEAST = 'AT_LEAST',
}

/** The directions of an order. */
export enum OrderDirection {
  ASC = 'ASC',
  DESC = 'DESC',
}

/** The fields that courses can be ordered by; the value is the column. */
export enum CourseOrderField {
  ID = 'id',
  TITLE = 'title',
  TOTAL_ENROLLMENTS = 'total_enrollments',
  CREATED_AT = 'created_at',
}

/** The fields that enrollments can be ordered by; the value is the column. */
export enum EnrollmentOrderField {
  ID = 'id',
  ENROLLED_AT = 'enrolled_at',
}

registerEnumType(Role, {
  name: 'Role',
  description: 'The roles of users.',
  valuesConfig: {
    STUDENT: { description: 'Students enroll themselves and see their own enrollments.' },
    TEACHER: { description: 'Teachers manage their own courses and the enrollments in them.' },
    ADMIN: { description: 'Admins may do everything.' },
  },
});
registerEnumType(CourseStatus, {
  name: 'CourseStatus',
  description: 'The stages of a course.',
  valuesConfig: {
    DRAFT: { description: 'The course is being prepared; students cannot enroll yet.' },
    ACTIVE: { description: 'The course is open to students, if it is published.' },
    ARCHIVED: { description: 'The course is over; students can no longer enroll.' },
  },
});
registerEnumType(EnrollmentStatus, {
  name: 'EnrollmentStatus',
  description: 'The states of an enrollment.',
  valuesConfig: {
    ACTIVE: { description: 'The student takes part, and takes a seat.' },
    COMPLETED: { description: 'The student has finished the course.' },
    DROPPED: { description: 'The student has left the course.' },
    SUSPENDED: { description: 'The student is excluded for the time being.' },
  },
});
registerEnumType(CountPrecision, {
  name: 'CountPrecision',
  description: 'The precision of a computed count.',
  valuesConfig: {
    EXACT: { description: 'All rows were counted.' },
    AT_LEAST: { description: 'Counting stopped at the limit; there are more rows.' },
  },
});
registerEnumType(OrderDirection, {
  name: 'OrderDirection',
  description: 'The directions of an order.',
  valuesConfig: { ASC: { description: 'Smallest first.' }, DESC: { description: 'Largest first.' } },
});
registerEnumType(CourseOrderField, {
  name: 'CourseOrderField',
  description: 'The fields that courses can be ordered by; courses with equal values are ordered by id.',
  valuesConfig: {
    ID: { description: 'The id.' },
    TITLE: {
      description: 'The title, in the text order of the database; SQLite puts capital letters before small ones.',
    },
    TOTAL_ENROLLMENTS: { description: 'The stored count of all enrollments.' },
    CREATED_AT: { description: 'The moment of creation.' },
  },
});
registerEnumType(EnrollmentOrderField, {
  name: 'EnrollmentOrderField',
  description: 'The fields that enrollments can be ordered by; enrollments with equal values are ordered by id.',
  valuesConfig: { ID: { description: 'The id.' }, ENROLLED_AT: { description: 'The moment of enrollment.' } },
});
registerEnumType(RunKind, {
  name: 'RunKind',
  description: 'The kinds of runs.',
  valuesConfig: {
    RECOUNT: { description: 'The run repairs drift or, in a dry run, reports it.' },
    UNDO: { description: 'The run undoes the changes of another run.' },
  },
});
registerEnumType(RunStatus, {
  name: 'RunStatus',
  description: 'The states of a run.',
  valuesConfig: {
    RUNNING: { description: 'A process works on the run.' },
    PAUSED: { description: 'No process works on the run; it can be resumed or cancelled.' },
    SUCCEEDED: { description: 'The run has finished.' },
    FAILED: { description: 'An error ended the run, or it was interrupted; it can be resumed.' },
    CANCELLED: { description: 'The run was ended for good before it finished; its changes stay, and can be undone.' },
  },
});
registerEnumType(UserErrorCode, {
  name: 'UserErrorCode',
  description: 'The kinds of mistakes that a caller can fix.',
  valuesConfig: Object.fromEntries(
    Object.entries(userErrorCatalogue).map(([code, { meaning }]) => [code, { description: meaning }]),
  ),
});
