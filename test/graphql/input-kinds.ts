import { EnrollmentStatus } from '../../src/entities/index.js';
import {
  anyOf,
  cursorOf,
  email,
  hasLength,
  notNull,
  idOf,
  idsOf,
  isDone,
  line,
  lines,
  inputObject,
  titlePart,
  wholeNumber,
  type Kind,
  type List,
  type Refusal,
} from './bad-values.js';
import { expect } from 'vitest';

const LEAST = -2_147_483_648;
const MAX_PAGE_SIZE = 2_147_483_647;
const statuses = Object.keys(EnrollmentStatus);
const stages = ['DRAFT', 'ACTIVE', 'ARCHIVED'];
const directions = ['ASC', 'DESC'];

const size = wholeNumber({
  refused: [-1, LEAST, 101, MAX_PAGE_SIZE],
  says: /is not from 0 to 100; ask for more in several pages\.$/,
  right: [0, 1, 100, null],
});
const compared = wholeNumber({ refused: [], says: /./, right: [LEAST, -1, 0, MAX_PAGE_SIZE, null] });
const capacity = wholeNumber({
  refused: [-1, LEAST],
  says: /is negative; null means no limit\.$/,
  right: [1, 50, MAX_PAGE_SIZE, null],
  told: 'INVALID',
});
const tooMany = (count: number, says: RegExp, told?: 'INVALID'): Refusal => ({
  value: Array.from({ length: count }, (_, index) => String(1_000_000 + index)),
  quotes: String(count),
  says,
  ...(told && { told }),
});
const scope: readonly Refusal[] = [
  { value: [], quotes: 'no course', says: /Name some, or leave it out for all courses\.$/, told: 'INVALID' },
  tooMany(5001, /at most 5000 fit\. Leave it out for all courses\.$/, 'INVALID'),
];

function page(field: string, list: List): Record<string, Kind> {
  return {
    [`${field}(first:)`]: size,
    [`${field}(last:)`]: size,
    [`${field}(after:)`]: cursorOf(list),
    [`${field}(before:)`]: cursorOf(list),
  };
}

const ranges: readonly [Record<string, number>, string][] = [
  [{ gt: 3, lt: 2 }, 'gt 3 and lt 2'],
  [{ gte: 2, lte: 1 }, 'gte 2 and lte 1'],
  [{ gt: 1, lt: 2 }, 'gt 1 and lt 2'],
  [{ gt: 1, lte: 1 }, 'gt 1 and lte 1'],
  [{ eq: 1, gt: 1 }, 'eq 1 and gt 1'],
  [{ eq: 5, lte: 4 }, 'eq 5 and lte 4'],
  [{ gt: MAX_PAGE_SIZE, lt: 0 }, `gt ${MAX_PAGE_SIZE} and lt 0`],
  [{ gte: 0, lte: LEAST }, `gte 0 and lte ${LEAST}`],
];

/** The bad values of each argument and each input field of the schema. */
export const kinds: Readonly<Record<string, Kind>> = {
  'Query.course(id:)': idOf('course'),
  'Query.enrollment(id:)': idOf('enrollment'),
  'Query.recountRun(id:)': idOf('finishedRun'),
  ...page('Query.courses', 'courses'),
  ...page('Query.enrollments', 'enrollments'),
  ...page('Query.recountRuns', 'recountRuns'),
  ...page('Course.enrollments', 'enrollments'),
  ...page('User.enrollments', 'enrollments'),
  ...page('RecountRun.changes', 'changes'),
  'Query.courses(filter:)': inputObject,
  'Query.courses(orderBy:)': inputObject,
  'Query.enrollments(filter:)': inputObject,
  'Query.enrollments(orderBy:)': inputObject,
  'Course.enrollments(filter:)': inputObject,
  'Course.enrollments(orderBy:)': inputObject,
  'User.enrollments(filter:)': inputObject,
  'User.enrollments(orderBy:)': inputObject,
  'Course.enrollmentsCount(status:)': anyOf([statuses, [], ['ACTIVE', 'ACTIVE'], null]),
  'Course.enrollmentsCount(limit:)': wholeNumber({
    refused: [0, -1, LEAST],
    says: /is not at least 1; null counts all\.$/,
    right: [1, MAX_PAGE_SIZE, null],
  }),
  'CourseFilter.ids': idsOf('course', {
    refused: () => [tooMany(5001, /are more than the 5000 of one filter; ask for them in parts\.$/)],
    right: ({ course }) => [
      { value: [], check: hasLength(0) },
      { value: [course, course], check: hasLength(1) },
      { value: null, check: hasLength(3) },
    ],
  }),
  'CourseFilter.title': inputObject,
  'StringFilter.eq': titlePart,
  'StringFilter.contains': titlePart,
  'StringFilter.startsWith': titlePart,
  'CourseFilter.status': anyOf([stages, [], ['ACTIVE', 'ACTIVE'], null]),
  'CourseFilter.isPublished': anyOf([true, false, null]),
  'CourseFilter.instructorId': idOf('teacher'),
  'CourseFilter.totalEnrollments': {
    refused: () =>
      ranges.map(([value, quotes]) => ({
        value,
        quotes,
        says: /^.*: no whole number is .*; change the range or leave a part out\.$/,
      })),
  },
  'IntFilter.eq': compared,
  'IntFilter.gt': compared,
  'IntFilter.gte': compared,
  'IntFilter.lt': compared,
  'IntFilter.lte': compared,
  'CourseOrder.field': anyOf(['ID', 'TITLE', 'TOTAL_ENROLLMENTS', 'CREATED_AT']),
  'CourseOrder.direction': anyOf(directions, { beside: () => ({ field: 'TITLE' }) }),
  'EnrollmentFilter.courseId': idOf('course'),
  'EnrollmentFilter.studentId': idOf('student'),
  'EnrollmentFilter.status': anyOf([statuses, [], ['ACTIVE', 'ACTIVE'], null]),
  'EnrollmentOrder.field': anyOf(['ID', 'ENROLLED_AT']),
  'EnrollmentOrder.direction': anyOf(directions, { beside: () => ({ field: 'ENROLLED_AT' }) }),

  'Mutation.enroll(input:)': inputObject,
  'EnrollInput.courseId': idOf('open'),
  'EnrollInput.studentId': idOf('student'),
  'Mutation.enrollMany(input:)': inputObject,
  'EnrollManyInput.courseId': idOf('open'),
  'EnrollManyInput.studentIds': idsOf('otherStudent', {
    refused: () => [tooMany(1001, /at most 1000 fit in one request\. Send the others in another\.$/, 'INVALID')],
    right: ({ otherStudent }) => [
      { value: [], check: isDone },
      // The first is enrolled, and the second is rejected because the student is enrolled already.
      {
        value: [otherStudent, otherStudent],
        check: ({ enrollments, userErrors }) =>
          expect([enrollments.length, userErrors]).toEqual([
            1,
            [
              {
                code: 'ALREADY_ENROLLED',
                field: ['input', 'studentIds', '1'],
                message: expect.stringContaining(`Student ${otherStudent} `),
              },
            ],
          ]),
      },
    ],
  }),
  'Mutation.setEnrollmentStatus(input:)': inputObject,
  'SetEnrollmentStatusInput.enrollmentId': idOf('enrollment'),
  'SetEnrollmentStatusInput.status': anyOf(statuses),
  'Mutation.transferEnrollment(input:)': inputObject,
  'TransferEnrollmentInput.enrollmentId': idOf('enrollment'),
  'TransferEnrollmentInput.courseId': idOf('open'),
  'Mutation.unenroll(input:)': inputObject,
  'UnenrollInput.enrollmentId': idOf('enrollment'),
  'Mutation.createCourse(input:)': inputObject,
  'CreateCourseInput.title': line(),
  'CreateCourseInput.description': lines,
  'CreateCourseInput.status': anyOf(stages, { refused: notNull }),
  'CreateCourseInput.isPublished': anyOf([true, false], { refused: notNull }),
  'CreateCourseInput.capacity': capacity,
  'CreateCourseInput.instructorId': idOf('teacher'),
  'Mutation.updateCourse(input:)': inputObject,
  'UpdateCourseInput.id': idOf('course'),
  'UpdateCourseInput.title': line({ nullable: true }),
  'UpdateCourseInput.description': lines,
  'UpdateCourseInput.status': anyOf(stages, { refused: notNull }),
  'UpdateCourseInput.isPublished': anyOf([true, false], { refused: notNull }),
  'UpdateCourseInput.capacity': capacity,
  'UpdateCourseInput.instructorId': idOf('teacher'),
  'Mutation.deleteCourse(input:)': inputObject,
  'DeleteCourseInput.id': idOf('course'),
  'Mutation.createUser(input:)': inputObject,
  'CreateUserInput.name': line(),
  'CreateUserInput.email': email,
  'CreateUserInput.role': anyOf(['STUDENT', 'TEACHER', 'ADMIN', null]),
  'Mutation.deleteUser(input:)': inputObject,
  'DeleteUserInput.id': idOf('student'),

  'Mutation.verifyEnrollmentCounts(input:)': anyOf([null, {}]),
  'VerifyEnrollmentCountsInput.courseIds': idsOf('course', {
    refused: () => scope,
    right: ({ course }) => [
      { value: [course, course], check: ({ checked, userErrors }) => expect([checked, userErrors]).toEqual([1, []]) },
      { value: null, check: isDone },
    ],
  }),
  'Mutation.recountEnrollments(input:)': anyOf([{ dryRun: true }]),
  'RecountEnrollmentsInput.courseIds': idsOf('foreign', {
    refused: () => scope,
    right: ({ foreign }) => [
      {
        value: [foreign, foreign],
        beside: { dryRun: true },
        check: ({ run }) => expect(run.courseIds).toEqual([String(foreign)]),
      },
      { value: null, beside: { dryRun: true }, check: isDone },
    ],
  }),
  'RecountEnrollmentsInput.dryRun': anyOf([true, false, null], { beside: ({ foreign }) => ({ courseIds: [foreign] }) }),
  'RecountEnrollmentsInput.batchSize': wholeNumber({
    refused: [0, -1, 10_001, MAX_PAGE_SIZE, LEAST],
    says: /is not a whole number from 1 to 10000\.$/,
    right: [1, 10_000, null],
    told: 'INVALID',
    beside: { dryRun: true },
  }),
  'RecountEnrollmentsInput.throttle': wholeNumber({
    refused: [-1, 60_001, MAX_PAGE_SIZE, LEAST],
    says: /is not a whole number from 0 to 60000\.$/,
    right: [0, 1],
    told: 'INVALID',
    beside: { dryRun: true },
  }),
  'Mutation.pauseRecount(input:)': inputObject,
  'Mutation.resumeRecount(input:)': inputObject,
  'Mutation.cancelRecount(input:)': inputObject,
  'Mutation.undoRecount(input:)': inputObject,
  'RunInput.id': idOf('finishedRun'),
};
