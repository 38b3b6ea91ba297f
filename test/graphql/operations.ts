import { RecountChange, Role } from '../../src/entities/index.js';
import { pauseRun, startRecount, workOn } from '../../src/recounts/index.js';
import type { Database } from '../../src/database/database.js';
import type { Api } from '../support/api.js';
import { operator, valueOf } from '../support/drift.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';

/** The rows on which every role tries every operation. */
export interface World {
  readonly student: number;
  readonly otherStudent: number;
  readonly teacher: number;
  readonly otherTeacher: number;
  readonly admin: number;
  /** A course of the teacher, not published, with the student in it. */
  readonly course: number;
  /** A course of the teacher that is open to students. */
  readonly open: number;
  /** An open course of the other teacher. */
  readonly foreign: number;
  /** The student's enrollment in the course. */
  readonly enrollment: number;
  /**
   * A run of the course that somebody works on, a paused one of the open course, and one of the foreign course that
   * is over and changed something.
   */
  readonly liveRun: number;
  readonly pausedRun: number;
  readonly finishedRun: number;
}

/** Adds a world of its own. */
export async function newWorld({ database }: Api): Promise<World> {
  const [student, otherStudent] = (await addUsers(database, Role.STUDENT, 2)) as [number, number];
  const [teacher, otherTeacher] = (await addUsers(database, Role.TEACHER, 2)) as [number, number];
  const [admin] = (await addUsers(database, Role.ADMIN, 1)) as [number];
  const courses = [{ instructor: teacher, isPublished: false }, { instructor: teacher }, { instructor: otherTeacher }];
  const [course, open, foreign] = (await addCourses(database, courses)) as [number, number, number];
  const [enrollment] = (await addEnrollments(database, [{ course, student }])) as [number];
  return {
    student,
    otherStudent,
    teacher,
    otherTeacher,
    admin,
    course,
    open,
    foreign,
    enrollment,
    ...(await runsOf(database, course, open, foreign)),
  };
}

async function runsOf(
  database: Database,
  course: number,
  open: number,
  foreign: number,
): Promise<Pick<World, 'liveRun' | 'pausedRun' | 'finishedRun'>> {
  const claimed = async (courseId: number) =>
    valueOf(await startRecount(database, operator, { courseIds: [courseId] }));
  const [live, paused, finished] = [await claimed(course), await claimed(open), await claimed(foreign)];
  valueOf(await pauseRun(database, operator, paused));
  await workOn(database, finished);
  // There and back again, so that undoing it leaves no drift.
  const change = { run: finished.id, counter: 'Course.totalEnrollments', courseId: foreign };
  await database.em.fork().insertMany(RecountChange, [
    { ...change, countBefore: 1, countAfter: 0 },
    { ...change, countBefore: 0, countAfter: 1 },
  ] as never);
  return { liveRun: live.id, pausedRun: paused.id, finishedRun: finished.id };
}

/** The kinds of callers. */
export const callers = [
  'anonymous',
  'student',
  'otherStudent',
  'teacher',
  'otherTeacher',
  'admin',
  'adminWithoutUser',
] as const;

/** Returns the token of a caller in a world; null: none. */
export async function tokenOf(api: Api, world: World, caller: (typeof callers)[number]): Promise<string | null> {
  if (caller === 'anonymous') return null;
  if (caller === 'adminWithoutUser') return api.token(Role.ADMIN, null);
  const role = {
    student: Role.STUDENT,
    otherStudent: Role.STUDENT,
    teacher: Role.TEACHER,
    otherTeacher: Role.TEACHER,
    admin: Role.ADMIN,
  }[caller];
  return api.token(role, world[caller]);
}

/** The outcome of an operation: done, null, a top-level error's code, or a userError's code. */
type Outcome = 'done' | 'null' | 'UNAUTHENTICATED' | 'FORBIDDEN' | 'NOT_FOUND' | 'INVALID';

/** An operation and its outcome for each caller, in the order of `callers`. */
export interface Case {
  readonly field: string;
  /** The variant of the operation. */
  readonly variant?: string;
  /** Returns the field with its arguments and selection. */
  readonly ask: (world: World) => string;
  readonly outcomes: readonly Outcome[];
  /** Whether a mutation changes nothing even for callers with access. */
  readonly readsOnly?: boolean;
}

const [done, none, who, not, hidden] = ['done', 'null', 'UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND'] as const;
const payload = '{ userErrors { code } }';

/** The queries. */
export const queries: readonly Case[] = [
  { field: 'me', ask: () => 'me { id email }', outcomes: [none, done, done, done, done, done, none] },
  {
    field: 'course',
    variant: 'that is not published',
    ask: ({ course }) => `course(id: ${course}) { id }`,
    outcomes: [none, done, none, done, none, done, done],
  },
  {
    field: 'course',
    variant: 'that is published',
    ask: ({ open }) => `course(id: ${open}) { id totalEnrollments }`,
    outcomes: [done, done, done, done, done, done, done],
  },
  {
    field: 'courses',
    ask: () => 'courses { totalCount nodes { id totalEnrollments } }',
    outcomes: [done, done, done, done, done, done, done],
  },
  {
    field: 'enrollment',
    ask: ({ enrollment }) => `enrollment(id: ${enrollment}) { id }`,
    outcomes: [who, done, none, done, none, done, done],
  },
  {
    field: 'enrollments',
    ask: () => 'enrollments { totalCount nodes { id } }',
    outcomes: [who, done, done, done, done, done, done],
  },
  {
    field: 'recountRun',
    ask: ({ liveRun }) => `recountRun(id: ${liveRun}) { id changes { totalCount nodes { course { id } } } }`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'recountRuns',
    ask: () => 'recountRuns { totalCount nodes { id undoneRun { id } } }',
    outcomes: [who, not, not, not, not, done, done],
  },
];

/** The mutations. */
export const mutations: readonly Case[] = [
  {
    field: 'enroll',
    variant: 'of oneself',
    ask: ({ open }) => `enroll(input: { courseId: ${open} }) ${payload}`,
    outcomes: [who, done, done, done, not, done, 'INVALID'],
  },
  {
    field: 'enroll',
    variant: 'of somebody else',
    ask: ({ open, admin }) => `enroll(input: { courseId: ${open}, studentId: ${admin} }) ${payload}`,
    outcomes: [who, not, not, done, not, done, done],
  },
  {
    field: 'enrollMany',
    ask: ({ open, otherStudent }) =>
      `enrollMany(input: { courseId: ${open}, studentIds: [${otherStudent}] }) ${payload}`,
    outcomes: [who, not, not, done, not, done, done],
  },
  {
    field: 'setEnrollmentStatus',
    ask: ({ enrollment }) => `setEnrollmentStatus(input: { enrollmentId: ${enrollment}, status: DROPPED }) ${payload}`,
    outcomes: [who, not, not, done, hidden, done, done],
  },
  {
    field: 'transferEnrollment',
    variant: 'between courses of one teacher',
    ask: ({ enrollment, open }) =>
      `transferEnrollment(input: { enrollmentId: ${enrollment}, courseId: ${open} }) ${payload}`,
    outcomes: [who, not, not, done, hidden, done, done],
  },
  {
    field: 'transferEnrollment',
    variant: 'to a course of another teacher',
    ask: ({ enrollment, foreign }) =>
      `transferEnrollment(input: { enrollmentId: ${enrollment}, courseId: ${foreign} }) ${payload}`,
    outcomes: [who, not, not, not, hidden, done, done],
  },
  {
    field: 'unenroll',
    ask: ({ enrollment }) => `unenroll(input: { enrollmentId: ${enrollment} }) ${payload}`,
    outcomes: [who, done, hidden, done, hidden, done, done],
  },
  {
    field: 'createCourse',
    ask: () => `createCourse(input: { title: "New" }) ${payload}`,
    outcomes: [who, not, not, done, done, done, done],
  },
  {
    field: 'createCourse',
    variant: 'for another teacher',
    ask: ({ otherTeacher }) => `createCourse(input: { title: "New", instructorId: ${otherTeacher} }) ${payload}`,
    outcomes: [who, not, not, not, done, done, done],
  },
  {
    field: 'updateCourse',
    ask: ({ course }) => `updateCourse(input: { id: ${course}, title: "Changed" }) ${payload}`,
    outcomes: [who, not, not, done, hidden, done, done],
  },
  {
    field: 'updateCourse',
    variant: 'to another teacher',
    ask: ({ course, otherTeacher }) =>
      `updateCourse(input: { id: ${course}, instructorId: ${otherTeacher} }) ${payload}`,
    outcomes: [who, not, not, not, hidden, done, done],
  },
  {
    field: 'updateCourse',
    variant: 'to no teacher',
    ask: ({ course }) => `updateCourse(input: { id: ${course}, instructorId: null }) ${payload}`,
    outcomes: [who, not, not, not, hidden, done, done],
  },
  {
    field: 'deleteCourse',
    ask: ({ course }) => `deleteCourse(input: { id: ${course} }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'createUser',
    ask: ({ course }) => `createUser(input: { name: "New", email: "new-${course}@example.org" }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'deleteUser',
    ask: ({ student }) => `deleteUser(input: { id: ${student} }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'verifyEnrollmentCounts',
    ask: ({ course }) => `verifyEnrollmentCounts(input: { courseIds: [${course}] }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
    readsOnly: true,
  },
  {
    field: 'recountEnrollments',
    ask: ({ open }) => `recountEnrollments(input: { courseIds: [${open}] }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'pauseRecount',
    ask: ({ liveRun }) => `pauseRecount(input: { id: ${liveRun} }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'resumeRecount',
    ask: ({ pausedRun }) => `resumeRecount(input: { id: ${pausedRun} }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'cancelRecount',
    ask: ({ pausedRun }) => `cancelRecount(input: { id: ${pausedRun} }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
  {
    field: 'undoRecount',
    ask: ({ finishedRun }) => `undoRecount(input: { id: ${finishedRun} }) ${payload}`,
    outcomes: [who, not, not, not, not, done, done],
  },
];
