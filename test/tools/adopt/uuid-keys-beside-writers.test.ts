import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installTriggers, removeTriggers } from 'mikro-orm-counters';
import { openDatabase } from '../../../src/database/database.js';
import { Role, RunStatus, type Key, type KeyForm } from '../../../src/entities/index.js';
import { resumeRun, startRecount, workOn } from '../../../src/recounts/index.js';
import { enroll as enrollAt, unenroll } from '../../../src/use-cases/enrollments.js';
import { runNatively } from '../../random/other-databases/native.js';
import { keysOn, UuidSchool } from '../../support/adopted-uuids.js';
import { describeOnEach } from '../../support/databases.js';
import { operator, valueOf } from '../../support/drift.js';
import { subscribeBy } from '../../support/live-clients.js';
import { keyOfForm, shownOfForm, sqlKeyOfForm } from '../../support/uuid-school.js';

describeOnEach('a database of another application with UUIDs, beside writers', kind => {
  describe.each(keysOn[kind])('as keys of users (%s), courses (%s) and enrollments (%s)', (...keys) => {
    const [ofUsers, ofCourses, ofEnrollments] = keys;
    let school: UuidSchool;
    const course = (number: number): string => shownOfForm(ofCourses, number);
    const user = (number: number): string => shownOfForm(ofUsers, number);
    const send = (query: string): Promise<any> => school.send(query);
    const expectExact = (): Promise<void> => school.expectExact();

    beforeAll(async () => {
      school = await UuidSchool.open(kind, keys);
    });
    afterAll(() => school.close());

    it('a database with UUIDs has exact live counts, and runs that repair, pause and go on, beside writers of two servers', async () => {
      const { api, map, url } = school;
      const other = await openDatabase(url, 'hooks', map);
      const live = subscribeBy('sse', api.url, {
        token: await api.token(Role.ADMIN, null),
        courseIds: [course(1), course(2), course(3)],
      });
      try {
        await runNatively(kind, url, ['update courses set total_enrollments = 77']);
        const admin = await api.token(Role.ADMIN, null);
        const key = (number: number): Key => keyOfForm(ofCourses, number);
        /** Takes a student through courses over the API. */
        const overApi = async (student: number): Promise<void> => {
          for (let round = 0; round < 3; round += 1) {
            const { data } = await api.send(
              admin,
              `mutation { enroll(input: { courseId: "${course(3)}" studentId: "${user(student)}" }) { userErrors { message } enrollment { id } } }`,
            );
            const { id } = data.enroll.enrollment;
            await send(
              `mutation { transferEnrollment(input: { enrollmentId: "${id}" courseId: "${course(2)}" }) { userErrors { message } } }`,
            );
            if (round < 2)
              await send(`mutation { unenroll(input: { enrollmentId: "${id}" }) { userErrors { message } } }`);
            else added.push(id);
          }
        };
        /** Does so on another server. */
        const onOther = async (student: number): Promise<void> => {
          for (let round = 0; round < 3; round += 1)
            for (const courseId of [key(3), key(2)]) {
              const studentId = keyOfForm(ofUsers, student);
              const { enrollment: made } = valueOf(await enrollAt(other, operator, { courseId, studentId }));
              valueOf(await unenroll(other, operator, { enrollmentId: made.id }));
            }
        };
        const added: string[] = [];
        /** Repairs all courses, with a pause after each. */
        const repair = async (): Promise<void> => {
          let claimed = valueOf(await startRecount(other, operator, { batchSize: 1 }));
          for (let pauses = 0; ; pauses += 1) {
            const stop = new AbortController();
            const onProgress = (): void => stop.abort();
            const run = await workOn(other, claimed, { signal: stop.signal, onProgress });
            if (run.status !== RunStatus.PAUSED) {
              expect(run).toMatchObject({ status: RunStatus.SUCCEEDED, checked: 3, repaired: 3 });
              expect(pauses).toBeGreaterThan(1);
              return;
            }
            claimed = valueOf(await resumeRun(other, operator, { id: run.id }));
          }
        };
        await Promise.all([overApi(3), overApi(4), onOther(5), onOther(6), repair()]);
        await expectExact();
        const { courses } = await school.sendAll();
        const told = new Map<string, number>();
        const isTold = ({ id, totalEnrollments }: { id: string; totalEnrollments: number }): boolean =>
          told.get(id) === totalEnrollments;
        while (!courses.nodes.every(isTold)) {
          const { data } = await live.next();
          const { courseId, course: row } = data!.courseCountsChanged;
          told.set(courseId, row!.totalEnrollments);
        }
        expect([...told.keys()].toSorted()).toEqual([course(1), course(2), course(3)].toSorted());
        for (const id of added)
          await send(`mutation { unenroll(input: { enrollmentId: "${id}" }) { userErrors { message } } }`);
        await expectExact();
      } finally {
        live.close();
        await other.close(true);
      }
    });

    it('a database with UUIDs is counted by triggers with a guard beside writes of the other application', async () => {
      const { map, url } = school;
      // SQLite has no guard.
      const isGuarded = kind !== 'sqlite';
      const triggered = await openDatabase(url, 'triggers', map);
      try {
        await installTriggers(triggered.em, { guard: isGuarded });
        const literal = (form: KeyForm, number: number): string => sqlKeyOfForm(kind, form, number);
        const [first, third] = [literal(ofCourses, 1), literal(ofCourses, 3)];
        await runNatively(kind, url, [
          `insert into enrollments (id, course_id, user_id, status) values (${literal(ofEnrollments, 91)}, ${third}, ${literal(ofUsers, 5)}, 'active'), (${literal(ofEnrollments, 92)}, ${third}, ${literal(ofUsers, 8)}, 'dropped')`,
          ...(isGuarded ? [`update courses set total_enrollments = 99 where id = ${first}`] : []),
          `update enrollments set course_id = ${first} where id = ${literal(ofEnrollments, 92)}`,
        ]);
        await expectExact();
        const { courses } = await school.sendAll();
        const total = (id: string): unknown =>
          courses.nodes.find((one: { id: string }) => one.id === id).totalEnrollments;
        expect([total(course(1)), total(course(3))]).toEqual([7, 1]);
        await runNatively(kind, url, [
          `delete from enrollments where id in (${literal(ofEnrollments, 91)}, ${literal(ofEnrollments, 92)})`,
        ]);
        await expectExact();
        await removeTriggers(triggered.em);
      } finally {
        await triggered.close(true);
      }
    });
  });
});
