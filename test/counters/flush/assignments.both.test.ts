import { expect, it } from 'vitest';
import { Course, Enrollment } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

const assigned = { code: 'COUNTER_ASSIGNED', message: expect.stringMatching(/Course\.totalEnrollments.*\b77\b/) };

/** Returns an untyped entity, as in plain JavaScript. */
function loose<Entity extends object>(entity: Entity): Record<string, unknown> {
  return entity as Record<string, unknown>;
}

describeOnEngineDatabases('assigning a stored count', kind => {
  const schema = useSchema(kind, school);

  async function courseWithOne(): Promise<number> {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await enroll(schema, course!, student!);
    return course!;
  }

  async function expectRefused(id: number, work: () => Promise<unknown>): Promise<void> {
    await expect(work()).rejects.toMatchObject(assigned);
    expect(await countsOf(schema, id)).toEqual([1, 1]);
    await expectExactSchool(schema);
  }

  it('assigning a stored count of a loaded course throws COUNTER_ASSIGNED, which names the value', async () => {
    const id = await courseWithOne();
    const em = schema.em();
    loose(await em.findOneOrFail(Course, id))['totalEnrollments'] = 77;
    await expectRefused(id, () => em.flush());
  });

  it('assigning a stored count of a course that is only a reference throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    const em = schema.em();
    loose(em.getReference(Course, id))['totalEnrollments'] = 77;
    await expectRefused(id, () => em.flush());
  });

  it('assigning a stored count by em.assign() throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    const em = schema.em();
    em.assign(await em.findOneOrFail(Course, id), { title: 'Renamed', totalEnrollments: 77 });
    await expectRefused(id, () => em.flush());
    expect(await schema.rows('select title from core_course')).toEqual([{ title: 'Course 0' }]);
  });

  it('assigning a stored count in a flush that also counts throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    const em = schema.em();
    const course = await em.findOneOrFail(Course, id);
    loose(course)['totalEnrollments'] = 77;
    em.remove(await em.findOneOrFail(Enrollment, { course: id }));
    await expectRefused(id, () => em.flush());
  });

  it('assigning a stored count in an explicit transaction throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    await expectRefused(id, () =>
      schema
        .em()
        .transactional(async em => void em.assign(await em.findOneOrFail(Course, id), { totalEnrollments: 77 })),
    );
  });

  it('assigning a stored count of a new course throws COUNTER_ASSIGNED unless the value is 0', async () => {
    const id = await courseWithOne();
    const em = schema.em();
    em.create(Course, { title: 'New', totalEnrollments: 77 });
    await expectRefused(id, () => em.flush());
    const again = schema.em();
    again.create(Course, { title: 'New', totalEnrollments: 0 });
    await again.flush();
    expect(await schema.rows('select id from core_course')).toHaveLength(2);
  });

  it('the error names the counter whose stored count was assigned', async () => {
    const id = await courseWithOne();
    const em = schema.em();
    loose(await em.findOneOrFail(Course, id))['activeEnrollments'] = -3;
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_ASSIGNED',
      message: expect.stringMatching(/Course\.activeEnrollments.*-3/),
    });
    expect(await countsOf(schema, id)).toEqual([1, 1]);
  });

  it('assigning null, undefined or a text to a stored count throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    for (const value of [null, 'many']) {
      const em = schema.em();
      loose(await em.findOneOrFail(Course, id))['totalEnrollments'] = value;
      await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    }
    expect(await countsOf(schema, id)).toEqual([1, 1]);
  });

  it('em.nativeUpdate() of a stored count, by property or column, throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    await expectRefused(id, () => schema.em().nativeUpdate(Course, { id }, { totalEnrollments: 77 }));
    await expectRefused(id, () => schema.em().nativeUpdate(Course, { id }, { total_enrollments: 77 } as never));
  });

  it('a QueryBuilder UPDATE of a stored count throws COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    await expectRefused(id, async () =>
      schema.em().createQueryBuilder(Course).update({ totalEnrollments: 77 }).where({ id }).execute(),
    );
    await expectRefused(id, async () =>
      schema
        .em()
        .createQueryBuilder(Course, 'c')
        .update({ 'c.total_enrollments': 77 } as never)
        .where({ id })
        .execute(),
    );
  });

  it('a QueryBuilder INSERT of a stored count throws COUNTER_ASSIGNED, and so does what it merges on conflict', async () => {
    const id = await courseWithOne();
    const row = { id, title: 'Again', createdAt: new Date(), updatedAt: new Date() };
    await expectRefused(id, async () =>
      schema
        .em()
        .createQueryBuilder(Course)
        .insert({ ...row, totalEnrollments: 77 })
        .execute(),
    );
    await expectRefused(id, async () =>
      schema
        .em()
        .createQueryBuilder(Course)
        .insert(row as never)
        .onConflict('id')
        .merge({ totalEnrollments: 77 } as never)
        .execute(),
    );
    await expect(
      (async () =>
        schema
          .em()
          .createQueryBuilder(Course)
          .insert({ ...row, totalEnrollments: 0 })
          .onConflict('id')
          .merge()
          .execute())(),
    ).rejects.toMatchObject({ code: 'COUNTER_ASSIGNED' });
    await expectExactSchool(schema);
  });

  it('em.insert() and em.insertMany() of a stored count throw COUNTER_ASSIGNED', async () => {
    const id = await courseWithOne();
    const row = { title: 'New', createdAt: new Date(), updatedAt: new Date(), totalEnrollments: 77 };
    await expectRefused(id, () => schema.em().insert(Course, row));
    await expectRefused(id, () => schema.em().insertMany(Course, [{ ...row, totalEnrollments: 0 }, row]));
    expect(await schema.rows('select id from core_course')).toHaveLength(1);
  });

  it('em.upsert() and em.upsertMany() of a stored count throw COUNTER_ASSIGNED, and without one they keep the count', async () => {
    const id = await courseWithOne();
    const row = { id, title: 'Upserted' };
    await expectRefused(id, () => schema.em().upsert(Course, { ...row, totalEnrollments: 77 }));
    await expectRefused(id, () => schema.em().upsertMany(Course, [{ ...row, totalEnrollments: 77 }]));
    const em = schema.em();
    const course = await em.upsert(Course, row);
    await em.flush();
    expect([course.title, await countsOf(schema, id)]).toEqual(['Upserted', [1, 1]]);
    await schema.em().upsertMany(Course, [{ id, title: 'Again' }]);
    expect(await countsOf(schema, id)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });
});
