import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addFullCourses, write } from '../support/drift.js';
import { mutate } from '../support/mutations.js';
import { finishRun, type Sender } from '../support/recounts.js';
import { addUsers, expectExactCounts } from '../support/rows.js';

const WRITERS = 8;
const ROUNDS = 2;

describeOnEach('a recount while others write through the API', kind => {
  let api: Api;
  let token: string;
  let send: Sender;
  let courses: number[];
  let students: number[];

  beforeAll(async () => {
    api = await startApi(kind);
    token = await api.token(Role.ADMIN, null);
    send = (query, variables) => api.send(token, query, variables);
    courses = await addFullCourses(api.database, 6);
    students = await addUsers(api.database, Role.STUDENT, WRITERS);
  });
  afterAll(() => api.stop());

  /**
   * Enrolls a student, moves, drops and unenrolls the student, course by course, until it is told to stop; returns the
   * number of changes.
   */
  async function writer(studentId: number, place: number, end: AbortSignal): Promise<number> {
    let changes = 0;
    for (let turn = place; !end.aborted; turn += 1) {
      const [courseId, next] = [courses[turn % courses.length], courses[(turn + 1) % courses.length]];
      const { enrollment, userErrors } = await mutate(api, token, 'enroll', { courseId, studentId });
      expect(userErrors).toEqual([]);
      await mutate(api, token, 'transferEnrollment', { enrollmentId: enrollment.id, courseId: next });
      await mutate(api, token, 'setEnrollmentStatus', { enrollmentId: enrollment.id, status: 'DROPPED' });
      await mutate(api, token, 'unenroll', { enrollmentId: enrollment.id });
      changes += 4;
    }
    return changes;
  }

  it('a recount among writers through the API repairs every drift, loses no change, and no writer gets an error', async () => {
    const end = new AbortController();
    const writing = Promise.all(students.map((student, place) => writer(student, place, end.signal)));
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        await write(
          api.database,
          'update core_course set total_enrollments = total_enrollments + 5, active_enrollments = active_enrollments + 2',
        );
        expect(await finishRun(send, 'recountEnrollments', { batchSize: round + 1 })).toMatchObject({
          status: 'SUCCEEDED',
          checked: courses.length,
          drifted: courses.length,
          repaired: courses.length,
        });
      }
    } finally {
      end.abort();
    }
    expect(Math.min(...(await writing))).toBeGreaterThan(0);
    await expectExactCounts(api.database);
    expect((await send('mutation { verifyEnrollmentCounts { ok checked } }')).data).toEqual({
      verifyEnrollmentCounts: { ok: true, checked: courses.length },
    });
  });
});
