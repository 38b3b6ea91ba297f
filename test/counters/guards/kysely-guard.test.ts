import { sql, type Kysely } from 'kysely';
import { expect, it } from 'vitest';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

/** Types the tables as loosely as a caller without generated types has them. */
type Tables = Record<string, Record<string, unknown>>;

describeOnEngineDatabases('Kysely', kind => {
  const schema = useSchema(kind, school);
  const kysely = (): Kysely<Tables> => schema.em().getKysely<Tables>();

  async function seeded(): Promise<{ course: number; other: number; id: number }> {
    const [course, other] = await addCourses(schema, 2);
    const [student] = await addStudents(schema, 1);
    return { course: course!, other: other!, id: await enroll(schema, course!, student!) };
  }

  async function expectRefused(course: number, code: string, work: () => Promise<unknown>): Promise<void> {
    const before = await schema.rows('select * from core_enrollments');
    await expect(work()).rejects.toMatchObject({ name: 'CounterError', code });
    expect(await schema.rows('select * from core_enrollments')).toEqual(before);
    expect(await countsOf(schema, course)).toEqual([1, 1]);
    await expectExactSchool(schema);
  }

  it('Kysely may not insert, update or delete counted rows', async () => {
    const { course, other, id } = await seeded();
    const row = { course_id: other, student_id: 1, status: 'active', enrolled_at: 0, updated_at: 0 };
    await expectRefused(course, 'COUNTER_BYPASS', () => kysely().insertInto('core_enrollments').values(row).execute());
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      kysely().updateTable('core_enrollments').set({ status: 'dropped' }).where('id', '=', id).execute(),
    );
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      kysely().updateTable('core_enrollments as e').set({ course_id: other }).execute(),
    );
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      kysely().deleteFrom('core_enrollments').where('id', '=', id).execute(),
    );
    await expectRefused(course, 'COUNTER_BYPASS', () => kysely().replaceInto('core_enrollments').values(row).execute());
  });

  it('Kysely may not insert counted rows from a query', async () => {
    const { course } = await seeded();
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      kysely()
        .insertInto('core_enrollments')
        .columns(['course_id', 'student_id', 'status'])
        .expression(eb => eb.selectFrom('core_enrollments').select(['course_id', 'student_id', 'status']))
        .execute(),
    );
  });

  it('Kysely may not assign stored counts', async () => {
    const { course } = await seeded();
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      kysely().updateTable('core_course').set({ total_enrollments: 77 }).execute(),
    );
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      kysely()
        .updateTable('core_course')
        .set(eb => ({ total_enrollments: eb('total_enrollments', '+', 1) }))
        .execute(),
    );
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      kysely().updateTable('core_course as c').set('c.active_enrollments', 77).execute(),
    );
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      kysely()
        .insertInto('core_course')
        .values({ title: 'New', total_enrollments: 77, created_at: 0, updated_at: 0 })
        .execute(),
    );
  });

  it('Kysely may not assign stored counts on conflict', async () => {
    const { course } = await seeded();
    const row = { id: course, title: 'Again', created_at: 0, updated_at: 0 };
    if (kind === 'sqlite' || kind === 'postgresql') {
      await expectRefused(course, 'COUNTER_ASSIGNED', () =>
        kysely()
          .insertInto('core_course')
          .values(row)
          .onConflict(conflict => conflict.column('id').doUpdateSet({ total_enrollments: 77 }))
          .execute(),
      );
    } else {
      await expectRefused(course, 'COUNTER_ASSIGNED', () =>
        kysely().insertInto('core_course').values(row).onDuplicateKeyUpdate({ total_enrollments: 77 }).execute(),
      );
    }
  });

  // SQLite updates one table.
  if (kind !== 'sqlite')
    it('Kysely may not write counted rows or stored counts by a join', async () => {
      const { course } = await seeded();
      await expectRefused(course, 'COUNTER_BYPASS', () =>
        kysely()
          .updateTable(['core_course as c', 'core_enrollments as e'])
          .whereRef('e.course_id', '=', 'c.id')
          .set({ 'e.status': 'dropped' } as never)
          .execute(),
      );
      await expectRefused(course, 'COUNTER_BYPASS', () =>
        kysely().deleteFrom('e').using('core_enrollments as e').execute(),
      );
    });

  it('Kysely may not write counted rows or stored counts with a query in front', async () => {
    const { course } = await seeded();
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      kysely()
        .with('some', db => db.selectFrom('core_course').select('id'))
        .updateTable('core_enrollments')
        .set({ status: 'dropped' })
        .execute(),
    );
  });

  it('Kysely may not write counted rows or stored counts in a WITH clause', async () => {
    const { course, id } = await seeded();
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      kysely()
        .with('gone', db => db.deleteFrom('core_enrollments').where('id', '=', id).returning('id'))
        .selectFrom('gone')
        .selectAll()
        .execute(),
    );
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      kysely()
        .with('one', db =>
          db
            .with('two', inner => inner.updateTable('core_course').set({ total_enrollments: 77 }).returning('id'))
            .selectFrom('two')
            .select('id'),
        )
        .insertInto('core_user')
        .expression(db => db.selectFrom('one' as never).selectAll())
        .execute(),
    );
  });

  it('Kysely may not write counted rows or stored counts by MERGE', async () => {
    const { course } = await seeded();
    const onSame = () => kysely().mergeInto('core_enrollments as e').using('core_course as c', 'c.id', 'e.course_id');
    await expectRefused(course, 'COUNTER_BYPASS', () => onSame().whenMatched().thenDelete().execute());
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      kysely()
        .mergeInto('core_course as c')
        .using('core_enrollments as e', 'c.id', 'e.course_id')
        .whenMatched()
        .thenUpdateSet({ total_enrollments: 77 })
        .execute(),
    );
  });

  it('Kysely may not write counted rows or stored counts by entity names', async () => {
    const { course, id } = await seeded();
    const byEntity = () =>
      schema.em().getKysely<Tables>({ tableNamingStrategy: 'entity', columnNamingStrategy: 'property' } as never);
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      byEntity().deleteFrom('Enrollment').where('id', '=', id).execute(),
    );
    await expectRefused(course, 'COUNTER_ASSIGNED', () =>
      byEntity().updateTable('Course').set({ totalEnrollments: 77 }).execute(),
    );
  });

  it('Kysely may not write counted rows or stored counts in a transaction of the entity manager', async () => {
    const { course } = await seeded();
    await expectRefused(course, 'COUNTER_BYPASS', () =>
      schema.em().transactional(async em =>
        em
          .getKysely()
          .deleteFrom('core_enrollments' as never)
          .execute(),
      ),
    );
  });

  it('Kysely may read everything and change the other columns of a target', async () => {
    const { course } = await seeded();
    const rows = await kysely()
      .selectFrom('core_course')
      .innerJoin('core_enrollments', 'course_id', 'core_course.id')
      .select('total_enrollments')
      .execute();
    expect(rows).toEqual([{ total_enrollments: 1 }]);
    await kysely().updateTable('core_course').set({ title: 'Renamed' }).where('id', '=', course).execute();
    await kysely()
      .insertInto('core_course')
      .values({ title: 'New', created_at: '2026-01-01', updated_at: '2026-01-01' })
      .execute();
    expect(
      await kysely()
        .selectFrom('core_course')
        .select(sql<number>`count(*)`.as('amount'))
        .execute(),
    ).toEqual([{ amount: 3 }]);
    await expectExactSchool(schema);
  });
});
