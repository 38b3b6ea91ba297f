import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { openDatabase, type Database } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Answer, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { mistakesIn, sendMutation, type MutationName } from '../support/mutations.js';
import { expectExactCounts } from '../support/rows.js';

describeOnEach('a user who is being deleted', kind => {
  let api: Api;
  let other: Database;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    other = await openDatabase(api.databaseUrl);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(async () => {
    await other.close(true);
    await api.stop();
  });

  /**
   * Sends a mutation while another transaction has deleted a user but not yet committed, and commits when the mutation
   * waits for it.
   */
  async function whileDeleting(user: number, name: MutationName, input: object): Promise<Answer> {
    const deleting = other.em.fork();
    await deleting.begin();
    await deleting.execute('delete from core_user where id = ?', [user], 'run');
    const answer = sendMutation(api, admin, name, input);
    // SQLite's one writer waits for the other before it reads anything.
    if (kind !== 'sqlite') await untilLockWaits(api.database);
    await deleting.commit();
    return answer;
  }

  it('enroll finds no user who is being deleted, rather than failing: NOT_FOUND', async () => {
    const [course, user] = [await addCourse(api.database), await addUser(api.database, Role.STUDENT)];
    const { data, errors } = await whileDeleting(user, 'enroll', { courseId: course, studentId: user });
    expect(errors).toBeUndefined();
    expect(mistakesIn(data.enroll)).toEqual(['NOT_FOUND input.studentId']);
  });

  it('enrollMany finds no user who is being deleted, and enrolls the others: NOT_FOUND', async () => {
    const [course, user, stays] = [
      await addCourse(api.database),
      await addUser(api.database, Role.STUDENT),
      await addUser(api.database, Role.STUDENT),
    ];
    const { data, errors } = await whileDeleting(user, 'enrollMany', { courseId: course, studentIds: [stays, user] });
    expect(errors).toBeUndefined();
    expect(mistakesIn(data.enrollMany)).toEqual(['NOT_FOUND input.studentIds.1']);
    expect(data.enrollMany.course).toMatchObject({ totalEnrollments: 1, activeEnrollments: 1 });
  });

  it('a user who is being deleted cannot become an instructor: NOT_FOUND', async () => {
    const [course, user, second] = [
      await addCourse(api.database),
      await addUser(api.database, Role.TEACHER),
      await addUser(api.database, Role.TEACHER),
    ];
    const created = await whileDeleting(user, 'createCourse', { title: 'New', instructorId: user });
    expect(created.errors).toBeUndefined();
    expect(mistakesIn(created.data.createCourse)).toEqual(['NOT_FOUND input.instructorId']);
    const updated = await whileDeleting(second, 'updateCourse', { id: course, instructorId: second });
    expect(updated.errors).toBeUndefined();
    expect(mistakesIn(updated.data.updateCourse)).toEqual(['NOT_FOUND input.instructorId']);
  });
});
