import { graphql } from './generated/index.js';

/** The fields that a cache needs to update the counts of a course: its id and the counts. */
export const courseCounts = graphql(`
  fragment CourseCounts on Course {
    id
    totalEnrollments
    activeEnrollments
  }
`);

/** Courses, a page at a time. */
export const courseList = graphql(`
  query CourseList($first: Int = 20, $after: String, $filter: CourseFilter, $orderBy: CourseOrder) {
    courses(first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
      edges { node { title ...CourseCounts } }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

/** The enrollments of a course, a page at a time. */
export const courseEnrollments = graphql(`
  query CourseEnrollments($courseId: ID!, $first: Int = 20, $after: String) {
    course(id: $courseId) {
      ...CourseCounts
      enrollments(first: $first, after: $after) {
        edges { node { id status student { id name } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
`);

/** Enrolls a student; the viewer, without a studentId. */
export const enroll = graphql(`
  mutation Enroll($input: EnrollInput!) {
    enroll(input: $input) {
      enrollment { id status student { id name } }
      course { ...CourseCounts }
      userErrors { code field message }
    }
  }
`);

/** Enrolls many students. */
export const enrollMany = graphql(`
  mutation EnrollMany($input: EnrollManyInput!) {
    enrollMany(input: $input) {
      enrollments { id status student { id name } }
      course { ...CourseCounts }
      userErrors { code field message }
    }
  }
`);

/** Deletes an enrollment; deletedId is its id. */
export const unenroll = graphql(`
  mutation Unenroll($input: UnenrollInput!) {
    unenroll(input: $input) {
      deletedId
      course { ...CourseCounts }
      userErrors { code field message }
    }
  }
`);

/** Sets the status of an enrollment. */
export const setEnrollmentStatus = graphql(`
  mutation SetEnrollmentStatus($input: SetEnrollmentStatusInput!) {
    setEnrollmentStatus(input: $input) {
      enrollment { id status }
      course { ...CourseCounts }
      userErrors { code field message }
    }
  }
`);

/** Moves an enrollment to another course; both have new counts. */
export const transferEnrollment = graphql(`
  mutation TransferEnrollment($input: TransferEnrollmentInput!) {
    transferEnrollment(input: $input) {
      enrollment { id status }
      from { ...CourseCounts }
      to { ...CourseCounts }
      userErrors { code field message }
    }
  }
`);
