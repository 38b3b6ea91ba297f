import fc from 'fast-check';
import { Role, User } from '../../../src/entities/index.js';
import { deleteCourse } from '../../../src/use-cases/courses.js';
import { deleteUser } from '../../../src/use-cases/users.js';
import { anyIndex, pick, type Action } from './action.js';
import { courseIds, withoutCourse, withoutStudent } from './rows.js';
import { numberKey } from '../../support/keys.js';

const admin = { userId: null, role: Role.ADMIN };
let sequence = 0;

/** Deletes a course through its use case, while others have it loaded. */
export const deletingCourse: fc.Arbitrary<Action> = fc.record({ course: anyIndex }).map(({ course: which }) => ({
  name: 'delete a course',
  needs: 'idle',
  async perform({ run }) {
    const id = pick(courseIds(run.rows), which);
    if (id === undefined || run.rows.courses.size < 3) return;
    run.log.write(`the service deletes ${run.log.name('course', id)}`);
    const { value } = await run.unwatched(() => deleteCourse(run.database, admin, { id }));
    if (value?.id !== id) run.addProblem(`deleteCourse gave ${JSON.stringify(value)}`);
    run.rows = withoutCourse(run.rows, id);
  },
}));

/** Deletes a student through the use case. */
export const deletingUser: fc.Arbitrary<Action> = fc.record({ student: anyIndex }).map(({ student: which }) => ({
  name: 'delete a user',
  needs: 'idle',
  async perform({ run }) {
    const id = pick([...run.rows.students], which);
    if (id === undefined || run.rows.students.size < 4) return;
    run.log.write(`the service deletes ${run.log.name('student', id)}`);
    const { value } = await run.unwatched(() => deleteUser(run.database, admin, { id }));
    if (value?.id !== id) run.addProblem(`deleteUser gave ${JSON.stringify(value)}`);
    run.rows = withoutStudent(run.rows, id);
  },
}));

/** Adds a student. */
export const arriving: fc.Arbitrary<Action> = fc.constant({
  name: 'add a user',
  needs: 'idle',
  async perform({ run }) {
    if (run.rows.students.size > 7) return;
    const em = run.database.em.fork();
    const user = em.create(User, { name: 'New', email: `new-${process.pid}-${++sequence}@example.org` });
    await run.unwatched(() => em.flush());
    run.log.write(`${run.log.name('student', numberKey(user.id))} arrives`);
    run.rows = { ...run.rows, students: new Set([...run.rows.students, numberKey(user.id)]) };
  },
});
