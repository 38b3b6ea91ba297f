import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCourses } from '../support/rows.js';

// Invalid ids and ids of no row are tested in bad-input.test.ts, for every place.
describeOnEach('an id', kind => {
  let api: Api;
  let admin: string;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
    await addCourses(api.database, [{}]);
  });
  afterAll(() => api.stop());

  it('an id can be written as a number, and is always a text in answers', async () => {
    expect((await api.send(admin, '{ course(id: 1) { id } }')).data).toEqual({ course: { id: '1' } });
    expect((await api.send(admin, 'query ($id: ID!) { course(id: $id) { id } }', { id: 1 })).data).toEqual({
      course: { id: '1' },
    });
  });
});
