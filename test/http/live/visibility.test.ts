import { afterEach, beforeEach, expect, it } from 'vitest';
import { Role } from '../../../src/entities/index.js';
import { addCourse, addEnrollment, addUser } from '../../support/api.js';
import { describeOnEach } from '../../support/databases.js';
import { protocols, type LiveClient } from '../../support/live-clients.js';
import { mutate } from '../../support/mutations.js';
import { addUsers } from '../../support/rows.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { startLiveApi, nextCounts, type LiveApi } from './live-api.js';

describeOnEach('live counts', kind => {
  let live: LiveApi;

  beforeEach(async () => {
    live = await startLiveApi(kind);
  });
  afterEach(() => live.stop());

  it('the live counts of a course are sent only to viewers who see it, and those of all courses include new ones', async () => {
    const { api, clock, admin } = live;
    const [student, teacher] = [await addUser(api.database, Role.STUDENT), await addUser(api.database, Role.TEACHER)];
    const course = await addCourse(api.database);
    const of = (token: string | null): LiveClient => live.subscribe('ws', { token });
    const [nobody, enrolled, teaching, managing] = [
      of(null),
      of(await api.token(Role.STUDENT, student)),
      of(await api.token(Role.TEACHER, teacher)),
      of(admin),
    ];
    await nextCounts([nobody, enrolled, teaching, managing]);
    const hidden = await addCourse(api.database, { isPublished: false, instructor: teacher });
    await clock.tick();
    expect(await nextCounts([teaching, managing])).toEqual([
      [hidden, 0, 0],
      [hidden, 0, 0],
    ]);
    await addEnrollment(api.database, hidden, student);
    await clock.tick();
    expect(await nextCounts([enrolled, teaching, managing])).toEqual([
      [hidden, 1, 1],
      [hidden, 1, 1],
      [hidden, 1, 1],
    ]);
    await mutate(api, admin, 'updateCourse', { id: course, isPublished: false });
    await clock.tick();
    expect(await nextCounts([nobody, enrolled, teaching])).toEqual([
      [course, null],
      [course, null],
      [course, null],
    ]);
    await mutate(api, admin, 'updateCourse', { id: hidden, isPublished: true });
    await clock.tick();
    expect(await nextCounts([nobody])).toEqual([[hidden, 1, 1]]);
  });

  it('the live counts of a course are sent to no viewer who does not see it, whatever happens to it, until the viewer does', async () => {
    const { api, clock, admin } = live;
    const [hidden, open] = [await addCourse(api.database, { isPublished: false }), await addCourse(api.database)];
    const [outsider, student, next] = await addUsers(api.database, Role.STUDENT, 3);
    const [teacher, other] = await addUsers(api.database, Role.TEACHER, 2);
    const tokens = [null, await api.token(Role.STUDENT, outsider!), await api.token(Role.TEACHER, other!)];
    const clients = protocols.flatMap(protocol => tokens.map(token => live.subscribe(protocol, { token })));
    expect(await nextCounts(clients)).toEqual(clients.map(() => [open, 0, 0]));
    await addEnrollment(api.database, hidden, student!);
    await clock.tick();
    await mutate(api, admin, 'updateCourse', { id: hidden, instructorId: teacher });
    await clock.tick();
    const gone = await addCourse(api.database, { isPublished: false });
    await clock.tick();
    await mutate(api, admin, 'deleteCourse', { id: gone });
    await clock.tick();
    // The next message of each is this one: nothing was sent before.
    await addEnrollment(api.database, open, student!);
    await clock.tick();
    expect(await nextCounts(clients)).toEqual(clients.map(() => [open, 1, 1]));
    await mutate(api, admin, 'updateCourse', { id: hidden, isPublished: true });
    await clock.tick();
    expect(await nextCounts(clients)).toEqual(clients.map(() => [hidden, 1, 1]));
    await mutate(api, admin, 'updateCourse', { id: hidden, isPublished: false });
    await addEnrollment(api.database, hidden, next!);
    await clock.tick();
    expect(await nextCounts(clients)).toEqual(clients.map(() => [hidden, null]));
  });

  it('the live counts of an unpublished course cost one more statement, however many viewers may see it', async () => {
    const { api, clock } = live;
    const hidden = await addCourse(api.database, { isPublished: false });
    const students = await addUsers(api.database, Role.STUDENT, 4);
    const clients: LiveClient[] = [];
    for (const student of students.slice(0, 3)) await addEnrollment(api.database, hidden, student);
    for (const student of students.slice(0, 3)) {
      clients.push(live.subscribe('ws', { token: await api.token(Role.STUDENT, student), courseIds: [hidden] }));
    }
    expect(await nextCounts(clients)).toEqual(clients.map(() => [hidden, 3, 3]));
    await addEnrollment(api.database, hidden, students[3]!);
    expect(summarize(await statementsOf(api.database, () => clock.tick()))).toEqual([
      'select core_course',
      'select core_course',
      'select core_enrollments',
    ]);
    expect(await nextCounts(clients)).toEqual(clients.map(() => [hidden, 4, 4]));
  });
});
