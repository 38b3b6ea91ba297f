import { raw } from '@mikro-orm/core';
import { expect, it } from 'vitest';
import { insertMany, recount, verify } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../src/entities/index.js';
import { describeOnEngineDatabases } from '../support/databases.js';
import { messagesOn } from '../support/channel-messages.js';
import { useSchema } from '../support/schema.js';
import { addCourses, addStudents, enroll, school } from './models/school.js';

describeOnEngineDatabases('the messages that the engine publishes', kind => {
  const schema = useSchema(kind, school);

  it('each UPDATE of stored counts publishes one message with the counters that change and by how much', async () => {
    const [first, second] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    const em = schema.em();
    em.create(Enrollment, { course: second!, student: one! });
    em.create(Enrollment, { course: first!, student: one!, status: EnrollmentStatus.DROPPED });
    em.create(Enrollment, { course: first!, student: two! });
    expect(await messagesOn('counters:stored-count-updated', () => em.flush())).toEqual([
      {
        target: 'Course',
        key: [first],
        changes: [
          { counter: 'Course.totalEnrollments', amount: 2 },
          { counter: 'Course.activeEnrollments', amount: 1 },
        ],
      },
      {
        target: 'Course',
        key: [second],
        changes: [
          { counter: 'Course.totalEnrollments', amount: 1 },
          { counter: 'Course.activeEnrollments', amount: 1 },
        ],
      },
    ]);
  });

  it('an UPDATE that finds its row gone or would make a count negative publishes nothing', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const row = await enroll(schema, course!, one!);
    await schema.write('update core_course set total_enrollments = 0, active_enrollments = 0');
    const messages = await messagesOn('counters:stored-count-updated', async () => {
      const em = schema.em();
      em.remove(await em.findOneOrFail(Enrollment, row));
      await expect(em.flush()).rejects.toMatchObject({ code: 'COUNTER_UNDERFLOW' });
      await expect(insertMany(schema.em(), Enrollment, [{ course: course! + 1, student: two! }])).rejects.toMatchObject(
        { code: 'COUNTER_TARGET_MISSING' },
      );
    });
    expect(messages).toEqual([]);
  });

  it('each rejected bypass publishes a message with the entity that it would have written', async () => {
    const em = schema.em();
    const refused = { code: 'COUNTER_BYPASS' };
    const messages = await messagesOn('counters:bypass-refused', async () => {
      await expect(em.nativeDelete(Enrollment, { id: 1 })).rejects.toMatchObject(refused);
      expect(() => em.createQueryBuilder(Enrollment).truncate().getQuery()).toThrow(expect.objectContaining(refused));
      expect(() =>
        em
          .createQueryBuilder(Course)
          .insertFrom(em.createQueryBuilder(Course) as never)
          .getQuery(),
      ).toThrow(expect.objectContaining(refused));
      const kysely = em.getKysely() as unknown as { deleteFrom: (table: string) => { compile: () => unknown } };
      expect(() => kysely.deleteFrom('core_enrollments').compile()).toThrow(expect.objectContaining(refused));
      await expect(insertMany(em, Enrollment, [{ course: raw('1'), student: 1 }])).rejects.toMatchObject(refused);
    });
    expect(messages.map(message => (message as { entity: string }).entity)).toEqual([
      'Enrollment',
      'Enrollment',
      'Course',
      'Enrollment',
      'Enrollment',
    ]);
    expect(messages[0]).toEqual({
      entity: 'Enrollment',
      message: expect.stringContaining('em.nativeDelete() on Enrollment') as string,
    });
  });

  it('verify publishes each chunk that it has compared, and its end', async () => {
    const [first] = await addCourses(schema, 3);
    await schema.write('update core_course set total_enrollments = 7, active_enrollments = 1 where id = ?', [first!]);
    const all = () => Array.fromAsync(verify(schema.em(), Course, { batchSize: 2 }));
    expect(await messagesOn('counters:verified', all)).toEqual([
      { target: 'Course', checked: 2, drifts: 2 },
      { target: 'Course', checked: 1, drifts: 0 },
    ]);
    expect(await messagesOn('counters:verify-finished', all)).toEqual([
      { target: 'Course', checked: 3, drifts: 2, milliseconds: expect.any(Number) as number },
    ]);
  });

  it('a verify that was left early or read only some rows publishes no end', async () => {
    const [first, second] = await addCourses(schema, 2);
    const messages = await messagesOn('counters:verify-finished', async () => {
      await Array.fromAsync(verify(schema.em(), Course, { keys: [[first!], [second!]] }));
      for await (const chunk of verify(schema.em(), Course, { batchSize: 1 })) if (chunk.checked === 1) break;
    });
    expect(messages).toEqual([]);
  });

  it('recount publishes each row that it has changed, before and after', async () => {
    const [wrong, right] = await addCourses(schema, 2);
    await schema.write('update core_course set active_enrollments = 3 where id = ?', [wrong!]);
    const messages = await messagesOn('counters:recounted', async () => {
      for (const course of [wrong!, right!, wrong!])
        await schema.em().transactional(em => recount(em as never, Course, [course]));
    });
    expect(messages).toEqual([
      {
        target: 'Course',
        key: [wrong],
        changes: [expect.objectContaining({ counter: 'Course.activeEnrollments', before: 3, after: 0 })],
      },
    ]);
  });
});
