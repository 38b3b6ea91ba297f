import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { errorCatalogue, type ErrorCode } from '../../src/graphql/errors/error-catalogue.js';
import { probe } from '../../src/tools/doctor/probe.js';
import { adoptedSchool, withAllStatuses, type AdoptedSchool } from '../support/adopted-school.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { djangoCourses, djangoUsers } from '../support/django-tables.js';
import { hasFormOf } from './message-forms.js';

describeOnEach("a change that a rule of another application's tables forbids", kind => {
  let school: AdoptedSchool;
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    const rows = [djangoUsers([{ id: 1, role: 'teacher' }]), djangoCourses([{ id: 1 }])];
    school = await adoptedSchool(kind, rows, map => {
      withAllStatuses(map);
      // Theirs cannot be empty, and the map does not say what to write there.
      const { description: _, ...others } = map.courses.fill!;
      map.courses.fill = { ...others, slug: { slug: '{title}' } };
      map.users.readOnly = false;
      map.users.columns.name = 'username';
      map.users.columns.role = { column: 'role', values: { STUDENT: ['student'], TEACHER: ['teacher'] } };
      const empty = { value: '' };
      map.users.fill = {
        password: empty,
        is_superuser: { value: false },
        first_name: empty,
        last_name: empty,
        is_staff: { value: false },
        is_active: { value: true },
        date_joined: { value: '2026-01-01 00:00:00' },
        phone: empty,
        bio: empty,
      };
    });
    api = await startApi(kind, { place: school });
    admin = await api.token(Role.ADMIN, null);
  });
  afterAll(() => api.stop());

  /** Runs a mutation, and returns the messages of its errors, all of which are NOT_WRITABLE, or its payload. */
  const change = async (field: string, input: object): Promise<unknown> => {
    const type = `${field[0]!.toUpperCase()}${field.slice(1)}Input!`;
    const { data, errors } = await api.send(
      admin,
      `mutation ($input: ${type}) { ${field}(input: $input) { userErrors { code } } }`,
      { input },
    );
    if (!errors) return data[field];
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(errors.map(() => 'NOT_WRITABLE'));
    for (const { message, extensions } of errors)
      expect([message, hasFormOf(errorCatalogue[extensions.code as ErrorCode], message)]).toEqual([message, true]);
    return errors.map(({ message }) => message).join();
  };
  const described = { status: 'ACTIVE', isPublished: true, description: 'All of it.' };

  it("a change that a rule of another application's tables forbids is NOT_WRITABLE, with what the database says, and changes nothing", async () => {
    expect(await change('createCourse', { ...described, title: 'Optics', description: null })).toMatch(/description/);
    expect(await change('updateCourse', { id: '1', title: 'Optics', description: null })).toMatch(/description/);
    expect(await change('createCourse', { ...described, title: 'Optics' })).toEqual({ userErrors: [] });
    expect(await change('createCourse', { ...described, title: 'optics' })).toMatch(/unique|duplicate/i);
    // A VARCHAR of SQLite has no length.
    if (kind !== 'sqlite')
      expect(await change('updateCourse', { id: '1', title: 'x'.repeat(201) })).toMatch(/too long/);
    expect(await school.database.em.fork().execute('select title from core_course order by id')).toEqual([
      { title: 'Course 1' },
      { title: 'Optics' },
    ]);
  });

  it('a unique key of another application is told from an email of another user', async () => {
    const user = { email: 'new@school.example', role: 'STUDENT' };
    expect(await change('createUser', { ...user, name: 'new' })).toEqual({ userErrors: [] });
    expect(await change('createUser', { ...user, name: 'new', email: 'other@school.example' })).toMatch(/username/);
  });

  it("the doctor says which rule of another application's tables forbids its own course", async () => {
    expect(await probe(school.database)).toEqual([
      expect.objectContaining({
        status: 'failed',
        message: expect.stringMatching(/does not accept the row: .*description/),
      }),
    ]);
  });
});
