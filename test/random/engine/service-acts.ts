import fc from 'fast-check';
import { Role, User } from '../../../src/entities/index.js';
import { deleteCourse } from '../../../src/use-cases/courses.js';
import { deleteUser } from '../../../src/use-cases/users.js';
import { choice, chosen, type Act } from './act.js';
import { courseIds, withoutCourse, withoutStudent } from './rows.js';

const admin = { userId: null, role: Role.ADMIN };
let sequence = 0;

/** Deletes a course through its use case, behind the backs of those who have it loaded. */
export const deletingCourse: fc.Arbitrary<Act> = fc.record({ course: choice }).map(({ course: which }) => ({
  name: 'delete a course',
  needs: 'idle',
  async perform({ world }) {
    const id = chosen(courseIds(world.rows), which);
    if (id === undefined || world.rows.courses.size < 3) return;
    world.story.tell(`the service deletes ${world.story.name('course', id)}`);
    const { value } = await world.unwatched(() => deleteCourse(world.database, admin, { id }));
    if (value?.id !== id) world.complain(`deleteCourse gave ${JSON.stringify(value)}`);
    world.rows = withoutCourse(world.rows, id);
  },
}));

/** Deletes a student through the use case. */
export const deletingUser: fc.Arbitrary<Act> = fc.record({ student: choice }).map(({ student: which }) => ({
  name: 'delete a user',
  needs: 'idle',
  async perform({ world }) {
    const id = chosen([...world.rows.students], which);
    if (id === undefined || world.rows.students.size < 4) return;
    world.story.tell(`the service deletes ${world.story.name('student', id)}`);
    const { value } = await world.unwatched(() => deleteUser(world.database, admin, { id }));
    if (value?.id !== id) world.complain(`deleteUser gave ${JSON.stringify(value)}`);
    world.rows = withoutStudent(world.rows, id);
  },
}));

/** Adds a student. */
export const arriving: fc.Arbitrary<Act> = fc.constant({
  name: 'add a user',
  needs: 'idle',
  async perform({ world }) {
    if (world.rows.students.size > 7) return;
    const em = world.database.em.fork();
    const user = em.create(User, { name: 'New', email: `new-${process.pid}-${++sequence}@example.org` });
    await world.unwatched(() => em.flush());
    world.story.tell(`${world.story.name('student', user.id)} arrives`);
    world.rows = { ...world.rows, students: new Set([...world.rows.students, user.id]) };
  },
});
