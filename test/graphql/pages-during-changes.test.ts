import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mutate } from '../support/mutations.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { courseList, enrollmentsUnderCourse, walk } from './lists.js';

describeOnEach('a walk while rows come and go', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterAll(() => api.stop());

  /** Returns the tokens and the ids of a teacher with courses whose titles are mostly equal, who sees only these. */
  async function coursesOfTeacher(
    titles: readonly string[],
  ): Promise<{ token: string; instructor: number; ids: number[] }> {
    const instructor = await addUser(api.database, Role.TEACHER);
    const ids = await addCourses(
      api.database,
      titles.map(title => ({ title, instructor, isPublished: false })),
    );
    return { token: await api.token(Role.TEACHER, instructor), instructor, ids };
  }

  it.each([
    [false, 'ASC'],
    [false, 'DESC'],
    [true, 'ASC'],
    [true, 'DESC'],
  ])(
    'a walk through courses by title (backward: %s, %s) returns each course that stays exactly once, and no deleted one',
    async (backward, direction) => {
      const { token, instructor, ids } = await coursesOfTeacher(
        Array.from({ length: 24 }, (_, index) => (index < 4 ? 'a' : index < 20 ? 'm' : 'z')),
      );
      const removed: number[] = [];
      const added: number[] = [];
      const seen: number[] = [];
      const found = await walk(api, token, courseList, {
        size: 4,
        backward,
        orderBy: { field: 'TITLE', direction },
        async between(page) {
          seen.push(...page.ids);
          // The row at which the next page begins is deleted, as well as one that was seen and one that was not.
          const boundary = backward ? page.ids[0]! : page.ids.at(-1)!;
          const unseen = ids.find(id => !seen.includes(id) && !removed.includes(id));
          for (const id of [boundary, page.ids[1], unseen]) {
            if (id === undefined || removed.includes(id)) continue;
            await mutate(api, admin, 'deleteCourse', { id });
            removed.push(id);
          }
          if (added.length < 9)
            added.push(
              ...(await addCourses(
                api.database,
                ['a', 'm', 'z'].map(title => ({ title, instructor, isPublished: false })),
              )),
            );
        },
      });
      expect(new Set(found).size).toBe(found.length);
      expect(found).toEqual(expect.arrayContaining(ids.filter(id => !removed.includes(id))));
      expect(found.filter(id => removed.includes(id) && !seen.includes(id))).toEqual([]);
    },
  );

  it('a walk shows rows that are added ahead of it and none that are added behind it', async () => {
    const { token, instructor } = await coursesOfTeacher(['b', 'b', 'd', 'd', 'f', 'f']);
    const coming: number[] = [];
    const found = await walk(api, token, courseList, {
      size: 3,
      orderBy: { field: 'TITLE', direction: 'ASC' },
      async between() {
        if (coming.length === 0)
          coming.push(
            ...(await addCourses(
              api.database,
              ['a', 'e'].map(title => ({ title, instructor, isPublished: false })),
            )),
          );
      },
    });
    const [behind, ahead] = coming as [number, number];
    expect(found).not.toContain(behind);
    expect(found.indexOf(ahead)).toBe(4);
  });

  it('a walk under a course goes on from the cursor of a deleted enrollment', async () => {
    const course = await addCourse(api.database, { isPublished: false });
    const enrolledAt = new Date('2026-02-01T00:00:00.000Z');
    const ids = await addEnrollments(
      api.database,
      (await addUsers(api.database, Role.STUDENT, 9)).map(student => ({ course, student, enrolledAt })),
    );
    const found = await walk(api, admin, enrollmentsUnderCourse(course), {
      size: 3,
      orderBy: { field: 'ENROLLED_AT', direction: 'DESC' },
      async between(page) {
        await mutate(api, admin, 'unenroll', { enrollmentId: page.ids.at(-1)! });
      },
    });
    expect(found).toEqual(ids.toReversed());
  });

  it('a walk ends where all rows ahead of it are deleted', async () => {
    const { token, ids } = await coursesOfTeacher(['a', 'b', 'c', 'd', 'e']);
    const found = await walk(api, token, courseList, {
      size: 2,
      orderBy: { field: 'TITLE', direction: 'ASC' },
      async between() {
        for (const id of ids.splice(2)) await mutate(api, admin, 'deleteCourse', { id });
      },
    });
    expect(found).toEqual(ids);
  });
});
