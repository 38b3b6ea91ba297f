import type { EntityRepository } from '@mikro-orm/sql';
import { expect, it } from 'vitest';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addBoxes, addLetter, expectExactLetters, Letter, letters } from '../models/letters.js';
import { Depot, expectExactParcels, Parcel, parcels } from '../models/parcels.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('a write without hooks on a counted entity', kind => {
  const schema = useSchema(kind, school);
  const now = { enrolledAt: new Date(0), updatedAt: new Date(0) };

  async function seeded() {
    const [course, other] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    const id = await enroll(schema, course!, one!);
    return {
      id,
      other: other!,
      row: { course: course!, student: two!, status: EnrollmentStatus.ACTIVE, ...now },
      course: course!,
    };
  }

  async function expectRefused(course: number, way: RegExp, work: () => Promise<unknown>): Promise<void> {
    const before = await schema.rows('select * from core_enrollments');
    await expect(work()).rejects.toMatchObject({
      name: 'CounterError',
      code: 'COUNTER_BYPASS',
      retryable: false,
      message: expect.stringMatching(way),
    });
    expect(await schema.rows('select * from core_enrollments')).toEqual(before);
    expect(await countsOf(schema, course)).toEqual([1, 1]);
    await expectExactSchool(schema);
  }

  it('em.insert() of a counted row is rejected, with data and with an entity', async () => {
    const { course, row } = await seeded();
    await expectRefused(course, /em\.insert\(\).*Course\.totalEnrollments.*em\.create\(\)/, () =>
      schema.em().insert(Enrollment, row),
    );
    const em = schema.em();
    await expectRefused(course, /em\.insert\(\)/, () => em.insert(em.create(Enrollment, row, { persist: false })));
  });

  it('em.insertMany() of counted rows is rejected, with data and with entities', async () => {
    const { course, row } = await seeded();
    await expectRefused(course, /em\.insertMany\(\)/, () => schema.em().insertMany(Enrollment, [row]));
    const em = schema.em();
    await expectRefused(course, /em\.insertMany\(\)/, () =>
      em.insertMany([em.create(Enrollment, row, { persist: false })]),
    );
  });

  it('em.upsert() and em.upsertMany() of counted rows are rejected, with data and with entities', async () => {
    const { course, row, id } = await seeded();
    await expectRefused(course, /em\.upsert\(\)/, () => schema.em().upsert(Enrollment, row));
    await expectRefused(course, /em\.upsert\(\)/, () => schema.em().upsert(Enrollment, { ...row, id }));
    await expectRefused(course, /em\.upsertMany\(\)/, () => schema.em().upsertMany(Enrollment, [row]));
    const em = schema.em();
    await expectRefused(course, /em\.upsert\(\)/, () => em.upsert(em.create(Enrollment, row, { persist: false })));
    await expectRefused(course, /em\.upsertMany\(\)/, () =>
      em.upsertMany([em.create(Enrollment, row, { persist: false })]),
    );
  });

  it('em.nativeUpdate() of a watched property is rejected, by property and by column', async () => {
    const { course, other, id } = await seeded();
    await expectRefused(course, /em\.nativeUpdate\(\).*updateWhere/, () =>
      schema.em().nativeUpdate(Enrollment, { id }, { status: EnrollmentStatus.DROPPED }),
    );
    await expectRefused(course, /em\.nativeUpdate\(\)/, () =>
      schema.em().nativeUpdate(Enrollment, { id }, { course: other }),
    );
    await expectRefused(course, /em\.nativeUpdate\(\)/, () =>
      schema.em().nativeUpdate(Enrollment, { id }, { course_id: other } as never),
    );
  });

  it('em.nativeUpdate() of an unwatched property is allowed', async () => {
    const { id } = await seeded();
    expect(await schema.em().nativeUpdate(Enrollment, { id }, { enrolledAt: new Date(86_400_000) })).toBe(1);
    const [row] = await schema.em().find(Enrollment, { id });
    expect(row!.enrolledAt).toEqual(new Date(86_400_000));
    await expectExactSchool(schema);
  });

  it('em.nativeDelete() of counted rows is rejected', async () => {
    const { course, id } = await seeded();
    await expectRefused(course, /em\.nativeDelete\(\).*em\.remove\(\)/, () =>
      schema.em().nativeDelete(Enrollment, { id }),
    );
  });

  it('a write without hooks is rejected through a repository, a fork or a transaction as well', async () => {
    const { course, id } = await seeded();
    const repository: EntityRepository<Enrollment> = schema.em().getRepository(Enrollment);
    await expectRefused(course, /em\.nativeDelete\(\)/, () => repository.nativeDelete({ id }));
    await expectRefused(course, /QueryBuilder\.delete\(\)/, async () =>
      repository.createQueryBuilder().delete({ id }).execute(),
    );
    await expectRefused(course, /em\.nativeDelete\(\)/, () => schema.em().fork().nativeDelete(Enrollment, { id }));
    await expectRefused(course, /em\.nativeDelete\(\)/, () =>
      schema.em().transactional(em => em.nativeDelete(Enrollment, { id })),
    );
  });

  it('QueryBuilder.insert(), update(), delete() and truncate() of counted rows are rejected', async () => {
    const { course, other, row, id } = await seeded();
    const builder = () => schema.em().createQueryBuilder(Enrollment, 'e');
    await expectRefused(course, /QueryBuilder\.insert\(\)/, async () =>
      builder()
        .insert(row as never)
        .execute(),
    );
    await expectRefused(course, /QueryBuilder\.insert\(\)/, async () =>
      builder()
        .insert([row] as never)
        .execute(),
    );
    await expectRefused(course, /QueryBuilder\.update\(\)/, async () =>
      builder().update({ status: EnrollmentStatus.DROPPED }).where({ id }).execute(),
    );
    await expectRefused(course, /QueryBuilder\.update\(\)/, async () =>
      builder().update({ course: other }).where({ id }).execute(),
    );
    await expectRefused(course, /QueryBuilder\.update\(\)/, async () =>
      builder()
        .update({ 'e.course_id': other } as never)
        .where({ id })
        .execute(),
    );
    await expectRefused(course, /QueryBuilder\.delete\(\)/, async () => builder().delete({ id }).execute());
    await expectRefused(course, /QueryBuilder\.truncate\(\)/, async () => builder().truncate().execute());
  });

  it('QueryBuilder.insertFrom() of counted rows is rejected, and so is what a clone of a builder writes', async () => {
    const { course, id } = await seeded();
    const em = schema.em();
    await expectRefused(course, /QueryBuilder\.insertFrom\(\)/, async () =>
      em
        .createQueryBuilder(Enrollment)
        .insertFrom(em.createQueryBuilder(Enrollment) as never)
        .execute(),
    );
    await expectRefused(course, /QueryBuilder\.delete\(\)/, async () =>
      em.createQueryBuilder(Enrollment).clone().delete({ id }).execute(),
    );
    await expectRefused(course, /QueryBuilder\.delete\(\)/, async () =>
      em.createQueryBuilder(Enrollment).clone().clone().delete({ id }).execute(),
    );
    await expectRefused(course, /QueryBuilder\.delete\(\)/, async () => em.qb(Enrollment).delete({ id }).execute());
  });

  it('a QueryBuilder may update unwatched properties and read', async () => {
    const { id } = await seeded();
    await schema
      .em()
      .createQueryBuilder(Enrollment)
      .update({ enrolledAt: new Date(0) })
      .where({ id })
      .execute();
    expect(await schema.em().createQueryBuilder(Enrollment, 'e').select('*').where({ 'e.id': id }).getCount()).toBe(1);
    expect(await schema.em().createQueryBuilder(Enrollment).getResultList()).toHaveLength(1);
    await expectExactSchool(schema);
  });

  it('QueryBuilder.insertFrom() into a target is rejected, because it would copy stored counts', async () => {
    const { course } = await seeded();
    const em = schema.em();
    await expectRefused(course, /QueryBuilder\.insertFrom\(\)/, async () =>
      em
        .createQueryBuilder(Course)
        .insertFrom(em.createQueryBuilder(Course) as never)
        .execute(),
    );
    expect(await schema.rows('select id from core_course')).toHaveLength(2);
  });

  it('writes without hooks are allowed on entities that are neither counted nor targets', async () => {
    await seeded();
    const em = schema.em();
    const user = { name: 'Bulk', email: 'bulk@example.org', createdAt: new Date(), updatedAt: new Date() };
    const { User } = await import('../../../src/entities/index.js');
    const id = await em.insert(User, user);
    await em.nativeUpdate(User, { id }, { name: 'Renamed' });
    await em.createQueryBuilder(User).update({ name: 'Again' }).where({ id }).execute();
    expect(await em.nativeDelete(User, { id })).toBe(1);
  });
});

describeOnEngineDatabases('a write without hooks by another name than the property of the counter', kind => {
  const schema = useSchema(kind, parcels);

  it('a write without hooks by a second property on the column, or by a part of an embedded object, is rejected', async () => {
    const em = schema.em();
    const [depot, other] = [em.create(Depot, {}), em.create(Depot, {})];
    em.create(Parcel, { depot, handling: { fragile: false } });
    await em.flush();
    const writes: [string, () => Promise<unknown>][] = [
      ['COUNTER_BYPASS', () => schema.em().nativeUpdate(Parcel, {}, { depotId: other.id })],
      ['COUNTER_BYPASS', () => schema.em().nativeUpdate(Parcel, {}, { handling: { fragile: true } })],
      ['COUNTER_BYPASS', () => schema.em().nativeUpdate(Parcel, {}, { handling_fragile: true } as never)],
      ['COUNTER_ASSIGNED', () => schema.em().nativeUpdate(Depot, {}, { size: 77 })],
      ['COUNTER_ASSIGNED', () => schema.em().insert(Depot, { size: 77 })],
    ];
    for (const [code, write] of writes) await expect(write()).rejects.toMatchObject({ code });
    await schema.em().nativeUpdate(Parcel, {}, { handling_floor: 3 } as never);
    expect(await schema.rows('select handling_floor as floor from parcel')).toEqual([{ floor: 3 }]);
    await expectExactParcels(schema);
  });
});

describeOnEngineDatabases('a write without hooks that a hook does during a flush', kind => {
  const schema = useSchema(kind, letters);

  it.each(['nativeDelete', 'a query builder'])(
    'a write without hooks that a hook makes during a flush is rejected: %s',
    async way => {
      const [box] = await addBoxes(schema, 1);
      const id = await addLetter(schema, box!);
      const em = schema.em();
      let work: Promise<unknown> = Promise.resolve();
      Letter.hooks = {
        beforeUpdate: () => {
          work =
            way === 'nativeDelete'
              ? em.nativeDelete(Letter, { id })
              : (async () => em.createQueryBuilder(Letter).delete({ id }).execute())();
          work.catch(() => undefined);
        },
      };
      em.assign(await em.findOneOrFail(Letter, id), { text: 'Changed' });
      await em.flush().finally(() => {
        Letter.hooks = {};
      });
      await expect(work).rejects.toMatchObject({ code: 'COUNTER_BYPASS' });
      expect(await schema.rows('select id from letter')).toEqual([{ id }]);
      await expectExactLetters(schema);
    },
  );
});
