import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import { addCourse, startApi, type Api } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { mutate } from '../support/mutations.js';

/** Texts that must be returned unchanged, whatever a database, a driver or a formatter may mistake them for. */
const LITERAL = [
  "Robert'); drop table core_enrollments; --",
  '" or ""="',
  "\\'; delete from core_course; --",
  'back\\slash\\\\twice\\',
  "it''s",
  '`core_user`',
  '100 %_!',
  '? ?? $1 :name @variable',
  '${process.env.JWT_SECRET}',
  '{"a":1} [1] null',
  '<script>alert(1)</script>',
  'Ångström Ж 日本語 ﷽',
  '😀👩‍👩‍👧‍👦🏳️‍🌈',
  '𝒜𝓁𝑔𝑒𝒷𝓇𝒶 𐍈',
  'e\u0301 and é',
  'left\u200fright\u202eover',
  'zero\u200bwidth\ufeff',
];

// Rejected values are tested in bad-input.test.ts, for every place.
describeOnEach('a text', kind => {
  let api: Api;
  let admin: string;
  let sequence = 0;

  beforeAll(async () => {
    api = await startApi(kind);
    admin = await api.token(Role.ADMIN, null);
  });
  afterEach(async () => {
    const { data } = await api.send(admin, '{ courses { totalCount } enrollments { totalCount } me { id } }');
    expect(data).toEqual({ courses: { totalCount: expect.any(Number) }, enrollments: { totalCount: 0 }, me: null });
  });
  afterAll(() => api.stop());

  it.each(LITERAL)('a text is returned as it was sent: %s', async text => {
    const { course } = await mutate(api, admin, 'createCourse', { title: text, description: text });
    expect(course).toMatchObject({ title: text, description: text });
    const { user } = await mutate(api, admin, 'createUser', { name: text, email: `text-${++sequence}@example.org` });
    expect(user.name).toBe(text);
    const { data } = await api.send(
      admin,
      'query ($title: String) { courses(filter: { title: { eq: $title } }) { nodes { id title } } }',
      { title: text },
    );
    expect(data.courses.nodes).toContainEqual({ id: course.id, title: text });
    const id = String(await addCourse(api.database));
    expect((await mutate(api, admin, 'updateCourse', { id, title: text, description: text })).course).toMatchObject({
      id,
      title: text,
      description: text,
    });
  });

  it.each(['x'.repeat(255), '😀'.repeat(255), 'é'.repeat(255)])('a text of 255 characters fits: %s', async text => {
    expect((await mutate(api, admin, 'createCourse', { title: text })).course.title).toBe(text);
    expect(
      (await mutate(api, admin, 'createUser', { name: text, email: `text-${++sequence}@example.org` })).user.name,
    ).toBe(text);
  });

  it('the description of a course may have any number of lines', async () => {
    for (const description of ['', 'first\nsecond\r\n\tthird', 'x'.repeat(65_535), '😀'.repeat(16_383)]) {
      expect((await mutate(api, admin, 'createCourse', { title: 'Lines', description })).course.description).toBe(
        description,
      );
    }
  });

  it('a text in a GraphQL literal is returned as it was sent', async () => {
    const { data } = await api.send(
      admin,
      String.raw`mutation { createCourse(input: { title: "a\"b\\c\u0027d ' \u00e9", description: """block " \ text""" }) { course { title description } } }`,
    );
    expect(data.createCourse.course).toEqual({ title: "a\"b\\c'd ' é", description: 'block " \\ text' });
  });
});
