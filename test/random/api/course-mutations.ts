import fc from 'fast-check';
import { CourseStatus, Role } from '../../../src/entities/index.js';
import type { ModelRun } from './model-run.js';
import {
  expectedCreateCourse,
  expectedCreateUser,
  expectedDeleteCourse,
  expectedDeleteUser,
  expectedUpdateCourse,
  type CourseInput,
} from './course-rules.js';
import { anyRow, idOf, mostly, type RowChoice, type MakeMutation } from './mutation.js';

interface Given extends Omit<CourseInput, 'instructorId'> {
  readonly instructor?: RowChoice | null;
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
export const createCourse: fc.Arbitrary<MakeMutation> = given.map(given => run => {
  const course = { title: 'Drawing', ...courseInput(run, given) };
  return {
    name: 'createCourse',
    text: `create a course${text(run, course)}`,
    input: inputOf(course),
    expected: (school, viewer) => expectedCreateCourse(school, viewer, course),
  };
});

/** Changes a course. */
export const updateCourse: fc.Arbitrary<MakeMutation> = fc
  .record({ course: anyRow, given })
  .map(({ course, given }) => run => {
    const [id, input] = [idOf(run, 'course', course), courseInput(run, given)];
    const changes = { id, ...input };
    const words = `change ${run.name('course', id)}${text(run, input)}`;
    return {
      name: 'updateCourse',
      text: words,
      input: inputOf(changes),
      expected: (school, viewer) => expectedUpdateCourse(school, viewer, changes),
    };
  });

/** Deletes a course. */
export const deleteCourse: fc.Arbitrary<MakeMutation> = anyRow.map(course => run => {
  const input = { id: idOf(run, 'course', course) };
  return {
    name: 'deleteCourse',
    text: `delete ${run.name('course', input.id)}`,
    input,
    expected: (school, viewer) => expectedDeleteCourse(school, viewer, input),
  };
});

/** Creates a user, whose email another user may have. */
export const createUser: fc.Arbitrary<MakeMutation> = fc
  .record({
    name: mostly(['Dora', 'Emil'], ''),
    email: mostly(['dora@example.org', 'emil@example.org', 'Dora@Example.org', 'fritz@example.org'], 'no address'),
    role: fc.constantFrom(...Object.values(Role)),
  })
  .map(user => () => ({
    name: 'createUser',
    text: `create the ${user.role} ${user.email}${user.name === '' ? ' without a name' : ''}`,
    input: { ...user, role: user.role.toUpperCase() },
    expected: (school, viewer) => expectedCreateUser(school, viewer, user),
  }));

/** Deletes a user. */
export const deleteUser: fc.Arbitrary<MakeMutation> = anyRow.map(user => run => {
  const input = { id: idOf(run, 'user', user) };
  return {
    name: 'deleteUser',
    text: `delete ${run.name('user', input.id)}`,
    input,
    expected: (school, viewer) => expectedDeleteUser(school, viewer, input),
  };
});

function courseInput(run: ModelRun, { instructor, ...rest }: Given): CourseInput {
  return { ...rest, ...(instructor !== undefined && { instructorId: instructor && idOf(run, 'user', instructor) }) };
}

function inputOf({ status, ...rest }: CourseInput): object {
  return { ...rest, ...(status !== undefined && { status: status && status.toUpperCase() }) };
}

function text(run: ModelRun, { instructorId, ...rest }: CourseInput): string {
  const instructor = instructorId == null ? [] : [`taught by ${run.name('user', instructorId)}`];
  const parts = [
    ...Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`),
    ...(instructorId === null ? ['taught by nobody'] : instructor),
  ];
  return parts.length === 0 ? '' : `: ${parts.join(', ')}`;
}
