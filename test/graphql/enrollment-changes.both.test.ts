import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mistakesIn, mutate } from '../support/mutations.js';
import { addCourses, addUsers, allRows, expectExactCounts } from '../support/rows.js';

const { ACTIVE, COMPLETED, DROPPED, SUSPENDED } = EnrollmentStatus;

describeOnEach('an enrollment', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(() => api.stop());

  describe('whose status is changed', () => {
    it.each([
      [ACTIVE, 'DROPPED', 0],
      [ACTIVE, 'COMPLETED', 0],
      [ACTIVE, 'SUSPENDED', 0],
      [DROPPED, 'COMPLETED', 0],
      [SUSPENDED, 'ACTIVE', 1],
      [ACTIVE, 'ACTIVE', 1],
    ])('an enrollment that changes from %s to %s leaves %i ACTIVE in the course', async (from, to, active) => {
      const course = await addCourse(api.database, { capacity: 1 });
      const enrollment = await addEnrollment(api.database, course, await addUser(api.database, Role.STUDENT), from);
      const payload = await mutate(api, admin, 'setEnrollmentStatus', { enrollmentId: enrollment, status: to });
      expect(payload).toMatchObject({
        enrollment: { id: String(enrollment), status: to },
        course: { totalEnrollments: 1, activeEnrollments: active },
        userErrors: [],
      });
    });

    it('an enrollment takes a seat to become ACTIVE, and is rejected where there is none: COURSE_FULL', async () => {
      const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
      const course = await addCourse(api.database, { capacity: 1 });
      await addEnrollment(api.database, course, ada);
      const dropped = await addEnrollment(api.database, course, ben, DROPPED);
      const before = await allRows(api.database);
      expect(
        mistakesIn(await mutate(api, admin, 'setEnrollmentStatus', { enrollmentId: dropped, status: 'ACTIVE' })),
      ).toEqual(['COURSE_FULL input.enrollmentId']);
      expect(await allRows(api.database)).toEqual(before);
      expect(
        mistakesIn(await mutate(api, admin, 'setEnrollmentStatus', { enrollmentId: dropped, status: 'SUSPENDED' })),
      ).toEqual([]);
    });

    it('changing the status of a missing enrollment is rejected with NOT_FOUND', async () => {
      expect(
        mistakesIn(await mutate(api, admin, 'setEnrollmentStatus', { enrollmentId: 999_999, status: 'ACTIVE' })),
      ).toEqual(['NOT_FOUND input.enrollmentId']);
    });
  });

  describe('that is transferred', () => {
    it('a transferred enrollment leaves one course and joins the other, with the counts of both afterwards', async () => {
      const [from, to] = (await addCourses(api.database, [{ title: 'From' }, { title: 'To' }])) as [number, number];
      const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
      const enrollment = await addEnrollment(api.database, from, ada);
      await addEnrollment(api.database, from, ben, COMPLETED);
      const payload = await mutate(api, admin, 'transferEnrollment', { enrollmentId: enrollment, courseId: to });
      expect(payload).toMatchObject({
        enrollment: {
          id: String(enrollment),
          status: 'ACTIVE',
          student: { id: String(ada) },
          course: { id: String(to) },
        },
        from: { title: 'From', totalEnrollments: 1, activeEnrollments: 0 },
        to: { title: 'To', totalEnrollments: 1, activeEnrollments: 1 },
        userErrors: [],
      });
    });

    it('a transferred enrollment takes a seat only where it is ACTIVE: COURSE_FULL', async () => {
      const [from, full] = (await addCourses(api.database, [{}, { capacity: 0 }])) as [number, number];
      const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
      const active = await addEnrollment(api.database, from, ada);
      const dropped = await addEnrollment(api.database, from, ben, DROPPED);
      const before = await allRows(api.database);
      expect(
        mistakesIn(await mutate(api, admin, 'transferEnrollment', { enrollmentId: active, courseId: full })),
      ).toEqual(['COURSE_FULL input.courseId']);
      expect(await allRows(api.database)).toEqual(before);
      expect(await mutate(api, admin, 'transferEnrollment', { enrollmentId: dropped, courseId: full })).toMatchObject({
        to: { totalEnrollments: 1, activeEnrollments: 0 },
        userErrors: [],
      });
    });

    it('an enrollment cannot be transferred to a course that its student is already in: ALREADY_ENROLLED', async () => {
      const [from, to] = (await addCourses(api.database, [{}, {}])) as [number, number];
      const ada = await addUser(api.database, Role.STUDENT);
      const enrollment = await addEnrollment(api.database, from, ada);
      await addEnrollment(api.database, to, ada, DROPPED);
      const before = await allRows(api.database);
      const payload = await mutate(api, admin, 'transferEnrollment', { enrollmentId: enrollment, courseId: to });
      expect(payload).toMatchObject({ enrollment: null, from: null, to: null });
      expect(mistakesIn(payload)).toEqual(['ALREADY_ENROLLED input.courseId']);
      expect(await allRows(api.database)).toEqual(before);
    });

    it('an enrollment cannot be transferred to its own course or to a missing one: INVALID, NOT_FOUND', async () => {
      const course = await addCourse(api.database);
      const enrollment = await addEnrollment(api.database, course, await addUser(api.database, Role.STUDENT));
      const before = await allRows(api.database);
      expect(
        mistakesIn(await mutate(api, admin, 'transferEnrollment', { enrollmentId: enrollment, courseId: course })),
      ).toEqual(['INVALID input.courseId']);
      expect(
        mistakesIn(await mutate(api, admin, 'transferEnrollment', { enrollmentId: enrollment, courseId: 999_999 })),
      ).toEqual(['NOT_FOUND input.courseId']);
      expect(
        mistakesIn(await mutate(api, admin, 'transferEnrollment', { enrollmentId: 999_999, courseId: course })),
      ).toEqual(['NOT_FOUND input.enrollmentId']);
      expect(await allRows(api.database)).toEqual(before);
    });
  });

  describe('that is deleted', () => {
    it.each([
      [ACTIVE, 1, 0],
      [DROPPED, 1, 1],
    ])(
      'deleting an enrollment that is %s leaves its course with %i enrollment, %i ACTIVE',
      async (status, total, active) => {
        const course = await addCourse(api.database);
        const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
        const enrollment = await addEnrollment(api.database, course, ada, status);
        await addEnrollment(api.database, course, ben, status === ACTIVE ? DROPPED : ACTIVE);
        const payload = await mutate(api, await api.token(Role.STUDENT, ada), 'unenroll', { enrollmentId: enrollment });
        expect(payload).toMatchObject({
          deletedId: String(enrollment),
          course: { id: String(course), totalEnrollments: total, activeEnrollments: active },
          userErrors: [],
        });
      },
    );

    it('a deleted enrollment is gone, and deleting it again is rejected with NOT_FOUND', async () => {
      const course = await addCourse(api.database);
      const enrollment = await addEnrollment(api.database, course, await addUser(api.database, Role.STUDENT));
      await mutate(api, admin, 'unenroll', { enrollmentId: enrollment });
      expect((await api.send(admin, `{ enrollment(id: ${enrollment}) { id } }`)).data.enrollment).toBeNull();
      const again = await mutate(api, admin, 'unenroll', { enrollmentId: enrollment });
      expect(again).toMatchObject({ deletedId: null, course: null });
      expect(mistakesIn(again)).toEqual(['NOT_FOUND input.enrollmentId']);
    });

    it('a student whose enrollment was deleted can enroll again', async () => {
      const ada = await addUser(api.database, Role.STUDENT);
      const course = await addCourse(api.database, { capacity: 1 });
      const token = await api.token(Role.STUDENT, ada);
      await mutate(api, token, 'unenroll', { enrollmentId: await addEnrollment(api.database, course, ada) });
      expect(await mutate(api, token, 'enroll', { courseId: course })).toMatchObject({
        course: { totalEnrollments: 1, activeEnrollments: 1 },
        userErrors: [],
      });
    });
  });
});
