import { graphql } from 'relay-runtime';

/** Reads the pages of the courses, for usePaginationFragment. */
export const courseList = graphql`
  fragment courses_list on Query
  @refetchable(queryName: "coursesListPageQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" }) {
    courses(first: $first, after: $after) @connection(key: "courses_courses") {
      edges { node { id title totalEnrollments activeEnrollments } }
    }
  }
`;

/** Reads the pages of one course's enrollments; it is on Query, which Relay can refetch. */
export const courseEnrollments = graphql`
  fragment courses_enrollments on Query
  @refetchable(queryName: "coursesEnrollmentsPageQuery")
  @argumentDefinitions(courseId: { type: "ID!" }, first: { type: "Int", defaultValue: 20 }, after: { type: "String" }) {
    course(id: $courseId) {
      totalEnrollments
      enrollments(first: $first, after: $after) @connection(key: "courses_enrollments") {
        edges { node { id status } }
      }
    }
  }
`;

/** The query for the first pages of both. */
export const coursePage = graphql`
  query coursesQuery($courseId: ID!, $first: Int) {
    ...courses_list @arguments(first: $first)
    ...courses_enrollments @arguments(courseId: $courseId, first: $first)
  }
`;

/** Enrolls a student; the payload's course has the new counts. */
export const enroll = graphql`
  mutation coursesEnrollMutation($input: EnrollInput!) {
    enroll(input: $input) {
      course { id totalEnrollments activeEnrollments }
      userErrors { code field message }
    }
  }
`;

/** Deletes an enrollment; `forgetEnrollment` removes the row from the list. */
export const unenroll = graphql`
  mutation coursesUnenrollMutation($input: UnenrollInput!) {
    unenroll(input: $input) {
      deletedId
      course { id totalEnrollments activeEnrollments }
      userErrors { code field message }
    }
  }
`;
