import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { EnrollmentStatus, Role } from '../../src/entities/index.js';
import { addCourse, addEnrollment, addUser, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mistakesIn, mutate } from '../support/mutations.js';
import { addCourses, addEnrollments, addUsers, allRows, expectExactCounts } from '../support/rows.js';

describeOnEach('a course', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(() => expectExactCounts(api.database));
  afterAll(() => api.stop());

  it('a created course has counts of 0 and the defaults of the schema', async () => {
    const { course, userErrors } = await mutate(api, admin, 'createCourse', { title: 'Algebra' });
    expect(userErrors).toEqual([]);
    expect(course).toEqual({
      id: expect.stringMatching(/^\d+$/),
      title: 'Algebra',
      description: null,
      status: 'DRAFT',
      isPublished: false,
      capacity: null,
      totalEnrollments: 0,
      activeEnrollments: 0,
      instructor: null,
    });
  });

  it('a created course has the values of its input', async () => {
    const teacher = await addUser(api.database, Role.TEACHER);
    const said = {
      title: 'Algebra',
      description: 'Rings\nand fields',
      status: 'ACTIVE',
      isPublished: true,
      capacity: 0,
    };
    const { course } = await mutate(api, admin, 'createCourse', { ...said, instructorId: teacher });
    expect(course).toMatchObject({ ...said, instructor: { id: String(teacher) } });
    expect((await api.send(null, `{ course(id: ${course.id}) { title } }`)).data.course).toEqual({ title: 'Algebra' });
  });

  it("a course that a teacher creates is the teacher's own", async () => {
    const teacher = await addUser(api.database, Role.TEACHER);
    const token = await api.token(Role.TEACHER, teacher);
    for (const more of [{}, { instructorId: null }, { instructorId: teacher }]) {
      const { course } = await mutate(api, token, 'createCourse', { title: 'Algebra', ...more });
      expect(course.instructor).toEqual({ id: String(teacher) });
    }
  });

  it('a course with values that are out of range is rejected with INVALID for each mistake', async () => {
    const before = await allRows(api.database);
    const payload = await mutate(api, admin, 'createCourse', {
      title: '',
      description: 'é'.repeat(32_768),
      capacity: -1,
      status: null,
      isPublished: null,
    });
    expect(payload.course).toBeNull();
    expect(mistakesIn(payload).toSorted()).toEqual([
      'INVALID input.capacity',
      'INVALID input.description',
      'INVALID input.isPublished',
      'INVALID input.status',
      'INVALID input.title',
    ]);
    expect(await allRows(api.database)).toEqual(before);
  });

  it('the instructor of a course must be a teacher or an admin: NOT_FOUND, INVALID', async () => {
    const student = await addUser(api.database, Role.STUDENT);
    const course = await addCourse(api.database);
    expect(mistakesIn(await mutate(api, admin, 'createCourse', { title: 'A', instructorId: 999_999 }))).toEqual([
      'NOT_FOUND input.instructorId',
    ]);
    expect(mistakesIn(await mutate(api, admin, 'createCourse', { title: 'A', instructorId: student }))).toEqual([
      'INVALID input.instructorId',
    ]);
    expect(mistakesIn(await mutate(api, admin, 'updateCourse', { id: course, instructorId: 999_999 }))).toEqual([
      'NOT_FOUND input.instructorId',
    ]);
    expect(mistakesIn(await mutate(api, admin, 'updateCourse', { id: course, instructorId: student }))).toEqual([
      'INVALID input.instructorId',
    ]);
    expect(
      mistakesIn(
        await mutate(api, admin, 'updateCourse', { id: course, instructorId: await addUser(api.database, Role.ADMIN) }),
      ),
    ).toEqual([]);
  });

  it('updating a course keeps the fields that the input omits', async () => {
    const teacher = await addUser(api.database, Role.TEACHER);
    const { course } = await mutate(api, admin, 'createCourse', {
      title: 'Old',
      description: 'Text',
      status: 'ACTIVE',
      isPublished: true,
      capacity: 3,
      instructorId: teacher,
    });
    await addEnrollment(api.database, Number(course.id), await addUser(api.database, Role.STUDENT));
    const updated = await mutate(api, admin, 'updateCourse', { id: course.id, title: 'New' });
    expect(updated).toEqual({
      course: { ...course, title: 'New', totalEnrollments: 1, activeEnrollments: 1 },
      userErrors: [],
    });
  });

  it('updating a course with null removes the value', async () => {
    const teacher = await addUser(api.database, Role.TEACHER);
    const { course } = await mutate(api, admin, 'createCourse', {
      title: 'Old',
      description: 'Text',
      capacity: 3,
      instructorId: teacher,
    });
    const updated = await mutate(api, admin, 'updateCourse', {
      id: course.id,
      description: null,
      capacity: null,
      instructorId: null,
    });
    expect(updated).toEqual({
      course: { ...course, description: null, capacity: null, instructor: null },
      userErrors: [],
    });
  });

  it('a course cannot lose its title, its status and whether it is published: INVALID', async () => {
    const course = await addCourse(api.database);
    const before = await allRows(api.database);
    const payload = await mutate(api, admin, 'updateCourse', {
      id: course,
      title: null,
      status: null,
      isPublished: null,
      capacity: 7,
    });
    expect(mistakesIn(payload).toSorted()).toEqual([
      'INVALID input.isPublished',
      'INVALID input.status',
      'INVALID input.title',
    ]);
    expect(await allRows(api.database)).toEqual(before);
  });

  it('a course can be reduced to as many seats as are taken, not fewer: INVALID', async () => {
    const course = await addCourse(api.database);
    const [ada, ben, cem] = (await addUsers(api.database, Role.STUDENT, 3)) as [number, number, number];
    await addEnrollments(api.database, [
      { course, student: ada },
      { course, student: ben },
      { course, student: cem, status: EnrollmentStatus.DROPPED },
    ]);
    const refused = await mutate(api, admin, 'updateCourse', { id: course, capacity: 1, title: 'Small' });
    expect(refused.course).toBeNull();
    expect(mistakesIn(refused)).toEqual(['INVALID input.capacity']);
    expect((await mutate(api, admin, 'updateCourse', { id: course, capacity: 2 })).course).toMatchObject({
      capacity: 2,
      activeEnrollments: 2,
    });
    expect(
      mistakesIn(
        await mutate(api, admin, 'enroll', { courseId: course, studentId: await addUser(api.database, Role.STUDENT) }),
      ),
    ).toEqual(['COURSE_FULL input.courseId']);
  });

  it('deleting a course deletes its enrollments and leaves the other courses unchanged', async () => {
    const [course, other] = (await addCourses(api.database, [{}, {}])) as [number, number];
    const [ada, ben] = (await addUsers(api.database, Role.STUDENT, 2)) as [number, number];
    await addEnrollments(api.database, [
      { course, student: ada },
      { course: other, student: ada },
      { course, student: ben, status: EnrollmentStatus.COMPLETED },
    ]);
    expect(await mutate(api, admin, 'deleteCourse', { id: course })).toEqual({
      deletedId: String(course),
      userErrors: [],
    });
    const { data } = await api.send(
      admin,
      `{ gone: course(id: ${course}) { id } other: course(id: ${other}) { totalEnrollments } left: enrollments(filter: { studentId: ${ada} }) { totalCount } none: enrollments(filter: { studentId: ${ben} }) { totalCount } }`,
    );
    expect(data).toEqual({
      gone: null,
      other: { totalEnrollments: 1 },
      left: { totalCount: 1 },
      none: { totalCount: 0 },
    });
  });

  it('updating or deleting a missing course is rejected with NOT_FOUND', async () => {
    expect(mistakesIn(await mutate(api, admin, 'updateCourse', { id: 999_999, title: 'New' }))).toEqual([
      'NOT_FOUND input.id',
    ]);
    const payload = await mutate(api, admin, 'deleteCourse', { id: 999_999 });
    expect(payload.deletedId).toBeNull();
    expect(mistakesIn(payload)).toEqual(['NOT_FOUND input.id']);
  });
});
