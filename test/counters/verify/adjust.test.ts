import { expect, it } from 'vitest';
import { adjust } from 'mikro-orm-counters';
import { Course } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, countsOf, enroll, school } from '../models/school.js';

describeOnEngineDatabases('an adjustment', kind => {
  const schema = useSchema(kind, school);
  const adjusted = (id: number, amounts: Record<string, number>) =>
    schema.em().transactional(em => adjust(em as never, Course, [id], amounts));

  async function counted() {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    await enroll(schema, course!, student!);
    return course!;
  }

  it('an adjustment adds to the counters that it names and reports each change', async () => {
    const course = await counted();
    expect(await adjusted(course, { 'Course.totalEnrollments': 4, 'Course.activeEnrollments': -1 })).toEqual([
      { counter: 'Course.totalEnrollments', key: [course], before: 1, after: 5 },
      { counter: 'Course.activeEnrollments', key: [course], before: 1, after: 0 },
    ]);
    expect(await adjusted(course, { 'Course.totalEnrollments': -2 })).toEqual([
      { counter: 'Course.totalEnrollments', key: [course], before: 5, after: 3 },
    ]);
    expect(await countsOf(schema, course)).toEqual([3, 0]);
  });

  it('an adjustment of nothing changes nothing', async () => {
    const course = await counted();
    expect(await adjusted(course, { 'Course.totalEnrollments': 0 })).toEqual([]);
    expect(await adjusted(course, {})).toEqual([]);
  });

  it('an adjustment that would make a count negative is rejected with COUNTER_UNDERFLOW and changes nothing', async () => {
    const course = await counted();
    await expect(
      adjusted(course, { 'Course.totalEnrollments': 5, 'Course.activeEnrollments': -2 }),
    ).rejects.toMatchObject({
      code: 'COUNTER_UNDERFLOW',
      message: `Course.activeEnrollments of Course ${course} is 1, so -2 cannot be added to it. Recount it instead.`,
    });
    expect(await countsOf(schema, course)).toEqual([1, 1]);
  });

  it('an adjustment of an unknown counter is rejected with COUNTER_DECLARATION, and one of a missing row returns null', async () => {
    const course = await counted();
    await expect(adjusted(course, { 'Course.droppedEnrollments': 1 })).rejects.toMatchObject({
      code: 'COUNTER_DECLARATION',
    });
    expect(await adjusted(course + 1, { 'Course.totalEnrollments': 1 })).toBeNull();
  });

  it('an adjustment shows a loaded entity its new counts', async () => {
    const course = await counted();
    await schema.em().transactional(async em => {
      const loaded = await em.findOneOrFail(Course, course);
      await adjust(em, Course, [course], { 'Course.totalEnrollments': 2 });
      expect(loaded.totalEnrollments).toBe(3);
      expect(await statementsOf(schema.database, () => em.flush())).toEqual([]);
    });
  });
});
