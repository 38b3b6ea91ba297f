import { expect, it } from 'vitest';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';
import { numberKey } from '../../support/keys.js';

describeOnEngineDatabases('an entity that remains from a transaction that was rolled back', kind => {
  const schema = useSchema(kind, school);

  /** Returns an enrollment that was inserted and rolled back, and is no longer in a table or an identity map. */
  async function leftOver(em: SqlEntityManager, course: number, student: number): Promise<Enrollment> {
    await em.begin();
    const enrollment = em.create(Enrollment, { course, student });
    await em.flush();
    await em.rollback();
    em.clear();
    return enrollment;
  }

  it('a remaining entity beside the entity of another row with the same key fails with COUNTER_CONFLICT, retryable, and nothing changes', async () => {
    const [course, other] = await addCourses(schema, 2);
    const students = await addStudents(schema, 3);
    for (const student of students.slice(1)) await enroll(schema, course!, student);
    const em = schema.em();
    const old = await leftOver(em, course!, students[0]!);
    const elsewhere = schema.em();
    elsewhere.create(Enrollment, { id: old.id, course: course!, student: students[0]! });
    await elsewhere.flush();
    old.status = EnrollmentStatus.DROPPED;
    em.persist(old);
    em.assign(em.getReference(Enrollment, old.id), { course: other! });
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_CONFLICT',
      retryable: true,
      message: expect.stringMatching(new RegExp(`Enrollment ${old.id} .*two entities`)),
    });
    expect([await countsOf(schema, course!), await countsOf(schema, other!)]).toEqual([
      [3, 3],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('a remaining entity cannot be removed by the flush that inserts another row under its key: COUNTER_CONFLICT, and nothing changes', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const em = schema.em();
    const { id } = await leftOver(em, course!, student!);
    em.remove(em.getReference(Enrollment, id));
    const next = em.create(Enrollment, { course: course!, student: student! });
    // SQLite gives the key again by itself.
    if (kind !== 'sqlite') next.id = id;
    await expect(em.flush()).rejects.toMatchObject({
      code: 'COUNTER_CONFLICT',
      retryable: true,
      message: expect.stringContaining(`Enrollment ${id} was gone`),
    });
    expect(await countsOf(schema, course!)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it('a remaining entity can be removed by a flush that inserts rows under other keys', async () => {
    const [course] = await addCourses(schema, 1);
    const [one, two] = await addStudents(schema, 2);
    const em = schema.em();
    const { id } = await leftOver(em, course!, one!);
    em.remove(em.getReference(Enrollment, id));
    em.create(Enrollment, { id: numberKey(id) + 1, course: course!, student: two! });
    await em.flush();
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });
});
