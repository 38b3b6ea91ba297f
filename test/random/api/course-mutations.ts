import fc from 'fast-check';
import { CourseStatus, Role } from '../../../src/entities/index.js';
import type { Classroom } from './classroom.js';
import {
  createCourseVerdict,
  createUserVerdict,
  deleteCourseVerdict,
  deleteUserVerdict,
  updateCourseVerdict,
  type CourseSaid,
} from './course-rules.js';
import { anyRow, idOf, mostly, type ChosenRow, type MakeMutation } from './mutation.js';

interface Given extends Omit<CourseSaid, 'instructorId'> {
  readonly instructor?: ChosenRow | null;
}

const given: fc.Arbitrary<Given> = fc.record(
  {
    title: mostly(['Geometry', 'Music'], ''),
    description: fc.constantFrom('Every day', null),
    status: mostly(
      [CourseStatus.ACTIVE, CourseStatus.ACTIVE, CourseStatus.ACTIVE, CourseStatus.DRAFT, CourseStatus.ARCHIVED],
      null,
    ),
    isPublished: mostly([true, true, false], null),
    capacity: mostly([null, 0, 1, 2, 3, 4], -1),
    instructor: fc.option(anyRow),
  },
  { requiredKeys: [] },
);

/** Creates a course. */
export const createCourse: fc.Arbitrary<MakeMutation> = given.map(given => room => {
  const course = { title: 'Drawing', ...saidIn(room, given) };
  return {
    name: 'createCourse',
    told: `create a course${told(room, course)}`,
    input: inputOf(course),
    verdict: (school, viewer) => createCourseVerdict(school, viewer, course),
  };
});

/** Changes a course. */
export const updateCourse: fc.Arbitrary<MakeMutation> = fc
  .record({ course: anyRow, given })
  .map(({ course, given }) => room => {
    const [id, said] = [idOf(room, 'course', course), saidIn(room, given)];
    const changes = { id, ...said };
    const words = `change ${room.name('course', id)}${told(room, said)}`;
    return {
      name: 'updateCourse',
      told: words,
      input: inputOf(changes),
      verdict: (school, viewer) => updateCourseVerdict(school, viewer, changes),
    };
  });

/** Deletes a course. */
export const deleteCourse: fc.Arbitrary<MakeMutation> = anyRow.map(course => room => {
  const input = { id: idOf(room, 'course', course) };
  return {
    name: 'deleteCourse',
    told: `delete ${room.name('course', input.id)}`,
    input,
    verdict: (school, viewer) => deleteCourseVerdict(school, viewer, input),
  };
});

/** Creates a user, whose address another may have. */
export const createUser: fc.Arbitrary<MakeMutation> = fc
  .record({
    name: mostly(['Dora', 'Emil'], ''),
    email: mostly(['dora@example.org', 'emil@example.org', 'Dora@Example.org', 'fritz@example.org'], 'no address'),
    role: fc.constantFrom(...Object.values(Role)),
  })
  .map(user => () => ({
    name: 'createUser',
    told: `create the ${user.role} ${user.email}${user.name === '' ? ' without a name' : ''}`,
    input: { ...user, role: user.role.toUpperCase() },
    verdict: (school, viewer) => createUserVerdict(school, viewer, user),
  }));

/** Deletes a user. */
export const deleteUser: fc.Arbitrary<MakeMutation> = anyRow.map(user => room => {
  const input = { id: idOf(room, 'user', user) };
  return {
    name: 'deleteUser',
    told: `delete ${room.name('user', input.id)}`,
    input,
    verdict: (school, viewer) => deleteUserVerdict(school, viewer, input),
  };
});

function saidIn(room: Classroom, { instructor, ...rest }: Given): CourseSaid {
  return { ...rest, ...(instructor !== undefined && { instructorId: instructor && idOf(room, 'user', instructor) }) };
}

function inputOf({ status, ...rest }: CourseSaid): object {
  return { ...rest, ...(status !== undefined && { status: status && status.toUpperCase() }) };
}

function told(room: Classroom, { instructorId, ...rest }: CourseSaid): string {
  const instructor = instructorId == null ? [] : [`taught by ${room.name('user', instructorId)}`];
  const parts = [
    ...Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    ...(instructorId === null ? ['taught by nobody'] : instructor),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
