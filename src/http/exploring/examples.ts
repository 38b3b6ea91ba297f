import { Role } from '../../entities/index.js';

/** An example for the users of one role: a document whose operations run unchanged on the sample data. */
export interface Example {
  /** The role that the operations need; null if they need no token. */
  readonly role: Role | null;
  readonly name: string;
  readonly document: string;
}

/** The first query that explorers show: a page of courses with their stored and their computed counts. */
export const firstQuery = `query Courses {
  courses(first: 5, orderBy: { field: TOTAL_ENROLLMENTS, direction: DESC }) {
    totalCount
    nodes {
      id
      title
      totalEnrollments # stored
      activeEnrollments # stored
      enrollmentsCount { count precision } # computed
      enrollmentsByStatus { status count }
      instructor { name }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

const live = `# Stays open: first come the counts as they are, then each change, such as by Enroll in the tab Student.
subscription Watch {
  courseCountsChanged(courseIds: ["3"]) {
    courseId
    course { id title totalEnrollments activeEnrollments }
  }
}
`;

const ofStudents = `query MyEnrollments {
  me {
    name
    enrollments(first: 10) {
      totalCount
      nodes { id status course { id title totalEnrollments } }
    }
  }
}

# The payload has the counts as they are after it. A second time it answers ALREADY_ENROLLED, in userErrors.
mutation Enroll {
  enroll(input: { courseId: "3" }) {
    enrollment { id status }
    course { id title totalEnrollments activeEnrollments }
    userErrors { code message field }
  }
}
`;

const ofTeachers = `# With the courses of the teacher that are not published, which nobody else sees but admins.
query Drafts {
  courses(first: 10, filter: { isPublished: false }) {
    totalCount
    nodes { id title status totalEnrollments instructor { name } }
  }
}

mutation CreateCourse {
  createCourse(input: { title: "Counting for Beginners", status: ACTIVE, isPublished: true, capacity: 30 }) {
    course { id title capacity totalEnrollments instructor { name } }
    userErrors { code message field }
  }
}
`;

const ofAdmins = `# Compares every stored count with the rows, and changes nothing.
mutation Verify {
  verifyEnrollmentCounts {
    ok
    checked
    drifts { counter stored actual drift course { id title } }
    userErrors { code message field }
  }
}

# A run on record; with dryRun: false it repairs what drifts.
mutation DryRun {
  recountEnrollments(input: { dryRun: true }) {
    run { id status checked drifted repaired }
    userErrors { code message field }
  }
}

query Runs {
  recountRuns(first: 5) {
    totalCount
    nodes { id status dryRun startedBy startedAt total checked drifted repaired }
  }
}
`;

/** The examples for everybody and for each role. Watch runs until it is stopped, in a tab of its own. */
export const examples: readonly Example[] = [
  { role: null, name: 'Anyone', document: firstQuery },
  { role: null, name: 'Live', document: live },
  { role: Role.STUDENT, name: 'Student', document: ofStudents },
  { role: Role.TEACHER, name: 'Teacher', document: ofTeachers },
  { role: Role.ADMIN, name: 'Admin', document: ofAdmins },
];
