import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { CourseStatus, EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mistakesIn, mutate, sendMutation } from '../support/mutations.js';
import { addUsers, allRows, expectExactCounts } from '../support/rows.js';

describeOnEach('enroll', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(() => api.stop());

  it('enroll gives a student a new ACTIVE enrollment and returns the course with its counts afterwards', async () => {
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    const course = await addCourse(api.database, { capacity: 2 });
    await addEnrollment(api.database, course, ben, EnrollmentStatus.DROPPED);
    const payload = await mutate(api, await api.token(Role.STUDENT, ada), 'enroll', { courseId: String(course) });
    expect(payload).toMatchObject({
      enrollment: { status: 'ACTIVE', student: { id: String(ada) }, course: { id: String(course) } },
      course: { id: String(course), totalEnrollments: 2, activeEnrollments: 1 },
      userErrors: [],
    });
    const { data } = await api.send(
      admin,
      `{ enrollment(id: ${payload.enrollment.id}) { student { id } course { id } } }`,
    );
    expect(data.enrollment).toEqual({ student: { id: String(ada) }, course: { id: String(course) } });
  });

  it('enroll lets students name themselves, and nobody else', async () => {
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    const course = await addCourse(api.database);
    const token = await api.token(Role.STUDENT, ada);
    expect(mistakesIn(await mutate(api, token, 'enroll', { courseId: course, studentId: ada }))).toEqual([]);
    const { errors } = await sendMutation(api, token, 'enroll', { courseId: course, studentId: ben });
    expect(errors?.[0]?.extensions.code).toBe('FORBIDDEN');
  });

  it('enroll lets the teacher of a course enroll students while it is a draft', async () => {
    const teacher = await addUser(api.database, Role.TEACHER);
    const ada = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database, {
      instructor: teacher,
      status: CourseStatus.DRAFT,
      isPublished: false,
    });
    const payload = await mutate(api, await api.token(Role.TEACHER, teacher), 'enroll', {
      courseId: course,
      studentId: ada,
    });
    expect(payload).toMatchObject({ course: { totalEnrollments: 1, activeEnrollments: 1 }, userErrors: [] });
  });

  it.each([
    ['a draft', { status: CourseStatus.DRAFT }],
    ['archived', { status: CourseStatus.ARCHIVED }],
  ])('enroll rejects students where the course is %s: COURSE_CLOSED', async (_, state) => {
    const ada = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database, state);
    const before = await allRows(api.database);
    const payload = await mutate(api, await api.token(Role.STUDENT, ada), 'enroll', { courseId: course });
    expect(payload).toMatchObject({ enrollment: null, course: null });
    expect(mistakesIn(payload)).toEqual(['COURSE_CLOSED input.courseId']);
    expect(await allRows(api.database)).toEqual(before);
  });

  it('enroll answers students the same for a course that they cannot see as for a missing one', async () => {
    const ada = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database, { title: 'Surprise party', isPublished: false, capacity: 0 });
    const token = await api.token(Role.STUDENT, ada);
    const hidden = JSON.stringify(await sendMutation(api, token, 'enroll', { courseId: course }));
    const missing = JSON.stringify(await sendMutation(api, token, 'enroll', { courseId: 999_999 }));
    expect(hidden).toContain('NOT_FOUND');
    expect(hidden.replaceAll(String(course), '#')).toBe(missing.replaceAll('999999', '#'));
  });

  it('enroll rejects a student when the last seat is taken, but not when a seat was dropped: COURSE_FULL', async () => {
    const [ada, ben, cem] = (await addUsers(api.database, Role.STUDENT, 3)) as [number, number, number];
    const course = await addCourse(api.database, { capacity: 1 });
    await addEnrollment(api.database, course, ben, EnrollmentStatus.COMPLETED);
    expect(mistakesIn(await mutate(api, admin, 'enroll', { courseId: course, studentId: ada }))).toEqual([]);
    expect(mistakesIn(await mutate(api, admin, 'enroll', { courseId: course, studentId: cem }))).toEqual([
      'COURSE_FULL input.courseId',
    ]);
    expect(mistakesIn(await mutate(api, await api.token(Role.STUDENT, cem), 'enroll', { courseId: course }))).toEqual([
      'COURSE_FULL input.courseId',
    ]);
  });

  it('enroll gives the last seats to exactly as many students as there are seats, when many enroll at once', async () => {
    const students = await addUsers(api.database, Role.STUDENT, 12);
    const course = await addCourse(api.database, { capacity: 5 });
    const payloads = await Promise.all(
      students.map(async student =>
        mutate(api, await api.token(Role.STUDENT, student), 'enroll', { courseId: course }),
      ),
    );
    expect(payloads.flatMap(mistakesIn)).toEqual(Array(7).fill('COURSE_FULL input.courseId'));
    const { data } = await api.send(admin, `{ course(id: ${course}) { totalEnrollments activeEnrollments } }`);
    expect(data.course).toEqual({ totalEnrollments: 5, activeEnrollments: 5 });
  });

  it.each(Object.values(EnrollmentStatus))(
    'enroll rejects a student who is %s in the course: ALREADY_ENROLLED',
    async status => {
      const ada = await addUser(api.database, Role.STUDENT);
      const course = await addCourse(api.database);
      await addEnrollment(api.database, course, ada, status);
      const before = await allRows(api.database);
      expect(mistakesIn(await mutate(api, await api.token(Role.STUDENT, ada), 'enroll', { courseId: course }))).toEqual(
        ['ALREADY_ENROLLED input.courseId'],
      );
      expect(mistakesIn(await mutate(api, admin, 'enroll', { courseId: course, studentId: ada }))).toEqual([
        'ALREADY_ENROLLED input.studentId',
      ]);
      expect(await allRows(api.database)).toEqual(before);
    },
  );

  it('enroll says which of course and student is missing: NOT_FOUND', async () => {
    const ada = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database);
    expect(mistakesIn(await mutate(api, admin, 'enroll', { courseId: 999_999, studentId: ada }))).toEqual([
      'NOT_FOUND input.courseId',
    ]);
    expect(mistakesIn(await mutate(api, admin, 'enroll', { courseId: course, studentId: 999_999 }))).toEqual([
      'NOT_FOUND input.studentId',
    ]);
  });

  it('enroll asks an admin without a user for a student: INVALID', async () => {
    const course = await addCourse(api.database);
    expect(mistakesIn(await mutate(api, admin, 'enroll', { courseId: course }))).toEqual(['INVALID input.studentId']);
  });
});
