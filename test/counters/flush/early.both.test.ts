import { expect, it } from 'vitest';
import { Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { Clerk, Desk, desks, expectExactDesks } from '../models/desks.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('a row that is removed and created again in one flush', kind => {
  const schema = useSchema(kind, school);

  it('a row that is removed and created again with the same unique pair in one flush is deleted first and counted once', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!, EnrollmentStatus.DROPPED);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Enrollment, id));
    em.create(Enrollment, { course: course!, student: student! });
    const statements = summarize(await statementsOf(schema.database, () => em.flush()));
    expect(statements.indexOf('delete core_enrollments')).toBeLessThan(statements.indexOf('insert core_enrollments'));
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('a row that is removed and created again with the same key in one flush is counted once', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Enrollment, id));
    const again = new Enrollment();
    em.assign(again, { id, course: course!, student: student!, status: EnrollmentStatus.COMPLETED }, { em });
    await em.persist(again).flush();
    expect(await countsOf(schema, course!)).toEqual([1, 0]);
    await expectExactSchool(schema);
  });
});

describeOnEngineDatabases(
  'a unique property of counted rows that passes from one row to another in one flush',
  kind => {
    const schema = useSchema(kind, desks);
    const exact = () => expectExactDesks(schema);

    async function addClerks() {
      const em = schema.em();
      const rows = [1, 2].map(standing => em.create(Clerk, { standing, desk: em.create(Desk, {}) }));
      await em.flush();
      return rows.map(({ id }) => id);
    }

    it.each(['first', 'second'])(
      'a unique foreign key that passes to another row in one flush is counted or rejected when the %s row gives it up',
      async giver => {
        const ids = await addClerks();
        const em = schema.em();
        const [one, two] = await em.find(Clerk, { id: ids }, { orderBy: { id: giver === 'first' ? 'asc' : 'desc' } });
        two!.desk = one!.desk!;
        one!.desk = null;
        await em.flush().catch(error => expect(error).toMatchObject({ code: expect.stringMatching(/^COUNTER_/) }));
        await exact();
      },
    );

    it.each(['first', 'second'])(
      'a unique condition that passes to another row in one flush is counted or rejected when the %s row gives it up',
      async giver => {
        const ids = await addClerks();
        const em = schema.em();
        const [one, two] = await em.find(Clerk, { id: ids }, { orderBy: { id: giver === 'first' ? 'asc' : 'desc' } });
        [one!.standing, two!.standing] = [null, one!.standing!];
        await em.flush().catch(error => expect(error).toMatchObject({ code: expect.stringMatching(/^COUNTER_/) }));
        await exact();
      },
    );

    it('a unique property that passes from an updated row to a created one is counted or rejected', async () => {
      const ids = await addClerks();
      const em = schema.em();
      const [one] = await em.find(Clerk, { id: ids }, { orderBy: { id: 'asc' } });
      em.create(Clerk, { standing: 1, desk: one!.desk! });
      Object.assign(one!, { standing: null, desk: null });
      await em.flush().catch(error => expect(error).toMatchObject({ code: expect.stringMatching(/^COUNTER_/) }));
      await exact();
    });
  },
);
