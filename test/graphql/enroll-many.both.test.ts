import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mistakesIn, mutate, sendMutation } from '../support/mutations.js';
import { addUsers, allRows, expectExactCounts } from '../support/rows.js';

describeOnEach('enrollMany', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(() => api.stop());

  const studentsOf = ({ enrollments }: { enrollments: { student: { id: string } }[] }) =>
    enrollments.map(({ student }) => Number(student.id));

  it('enrollMany enrolls all students who can be enrolled, in the order of the input, and returns the counts afterwards', async () => {
    const [ada, ben, cem] = (await addUsers(api.database, Role.STUDENT, 3)) as [number, number, number];
    const course = await addCourse(api.database);
    const payload = await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: [cem, ada, ben] });
    expect(studentsOf(payload)).toEqual([cem, ada, ben]);
    expect(payload).toMatchObject({ course: { totalEnrollments: 3, activeEnrollments: 3 }, userErrors: [] });
  });

  it('enrollMany reports each rejection with its index, in the order of the input, and enrolls the other students', async () => {
    const [ada, ben, cem] = (await addUsers(api.database, Role.STUDENT, 3)) as [number, number, number];
    const course = await addCourse(api.database);
    await addEnrollment(api.database, course, ben, EnrollmentStatus.DROPPED);
    const payload = await mutate(api, admin, 'enrollMany', {
      courseId: course,
      studentIds: [999_999, ada, ben, 999_998, cem],
    });
    expect(studentsOf(payload)).toEqual([ada, cem]);
    expect(mistakesIn(payload)).toEqual([
      'NOT_FOUND input.studentIds.0',
      'ALREADY_ENROLLED input.studentIds.2',
      'NOT_FOUND input.studentIds.3',
    ]);
    expect(payload.course).toMatchObject({ totalEnrollments: 3, activeEnrollments: 2 });
  });

  it('enrollMany enrolls a student who is named twice once', async () => {
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    const course = await addCourse(api.database);
    const payload = await mutate(api, admin, 'enrollMany', {
      courseId: course,
      studentIds: [ada, ben, ada, ada, 999_999, 999_999],
    });
    expect(studentsOf(payload)).toEqual([ada, ben]);
    expect(mistakesIn(payload)).toEqual([
      'ALREADY_ENROLLED input.studentIds.2',
      'ALREADY_ENROLLED input.studentIds.3',
      'NOT_FOUND input.studentIds.4',
      'NOT_FOUND input.studentIds.5',
    ]);
  });

  it('enrollMany fills the last seats in the order of the input and rejects the other students: COURSE_FULL', async () => {
    const [ada, ben, cem, dan, eve] = (await addUsers(api.database, Role.STUDENT, 5)) as [
      number,
      number,
      number,
      number,
      number,
    ];
    const course = await addCourse(api.database, { capacity: 3 });
    await addEnrollment(api.database, course, ada);
    const payload = await mutate(api, admin, 'enrollMany', {
      courseId: course,
      studentIds: [dan, ada, cem, ben, 999_999, eve],
    });
    expect(studentsOf(payload)).toEqual([dan, cem]);
    expect(mistakesIn(payload)).toEqual([
      'ALREADY_ENROLLED input.studentIds.1',
      'COURSE_FULL input.studentIds.3',
      'NOT_FOUND input.studentIds.4',
      'COURSE_FULL input.studentIds.5',
    ]);
    expect(payload.course).toMatchObject({ totalEnrollments: 3, activeEnrollments: 3 });
  });

  it('enrollMany reports a student who is named twice and finds no seat as rejected twice, not as enrolled', async () => {
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    const course = await addCourse(api.database, { capacity: 1 });
    const payload = await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: [ada, ben, ada, ben] });
    expect(studentsOf(payload)).toEqual([ada]);
    expect(mistakesIn(payload)).toEqual([
      'COURSE_FULL input.studentIds.1',
      'ALREADY_ENROLLED input.studentIds.2',
      'COURSE_FULL input.studentIds.3',
    ]);
  });

  it('enrollMany of an empty list does nothing and returns the course', async () => {
    const course = await addCourse(api.database);
    const payload = await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: [] });
    expect(payload).toMatchObject({
      enrollments: [],
      course: { id: String(course), totalEnrollments: 0 },
      userErrors: [],
    });
  });

  it('enrollMany reports a missing course: NOT_FOUND', async () => {
    const students = await addUsers(api.database, Role.STUDENT, 1);
    const payload = await mutate(api, admin, 'enrollMany', { courseId: 999_999, studentIds: students });
    expect(payload).toMatchObject({ enrollments: [], course: null });
    expect(mistakesIn(payload)).toEqual(['NOT_FOUND input.courseId']);
  });

  it('enrollMany accepts 1,000 students in one request, and no more', async () => {
    const students = await addUsers(api.database, Role.STUDENT, 1001);
    const course = await addCourse(api.database);
    const before = await allRows(api.database);
    const refused = await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: students });
    expect(refused).toMatchObject({
      enrollments: [],
      course: null,
      userErrors: [{ code: 'INVALID', field: ['input', 'studentIds'], message: expect.stringContaining('1001') }],
    });
    expect(await allRows(api.database)).toEqual(before);
    const payload = await mutate(api, admin, 'enrollMany', { courseId: course, studentIds: students.slice(1) });
    expect(studentsOf(payload)).toEqual(students.slice(1));
    expect(payload).toMatchObject({ course: { totalEnrollments: 1000, activeEnrollments: 1000 }, userErrors: [] });
  });

  it('enrollMany reports an invalid id with its index and enrolls nobody', async () => {
    const [ada] = (await addUsers(api.database, Role.STUDENT, 1)) as [number];
    const course = await addCourse(api.database);
    const before = await allRows(api.database);
    const { errors } = await sendMutation(api, admin, 'enrollMany', { courseId: course, studentIds: [ada, 'ada'] });
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', argument: 'input.studentIds.1' });
    expect(await allRows(api.database)).toEqual(before);
  });
});
