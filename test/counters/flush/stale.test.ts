import { expect, it } from 'vitest';
import { CounterError } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../../src/entities/index.js';
import { describeOnEngineDatabases } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from '../models/school.js';

describeOnEngineDatabases('an entity that another entity manager has changed since it was loaded', kind => {
  const schema = useSchema(kind, school);

  async function loadedTwice() {
    const [here, there] = await addCourses(schema, 2);
    const [one, two] = await addStudents(schema, 2);
    const id = await enroll(schema, here!, one!);
    await enroll(schema, here!, two!);
    const [stale, other] = [schema.em(), schema.em()];
    return {
      here: here!,
      there: there!,
      id,
      stale,
      other,
      mine: await stale.findOneOrFail(Enrollment, id),
      theirs: await other.findOneOrFail(Enrollment, id),
    };
  }

  it('removing an entity that another entity manager has removed decrements the count once', async () => {
    const { here, stale, other, mine, theirs } = await loadedTwice();
    await other.remove(theirs).flush();
    await stale.remove(mine).flush();
    expect(await countsOf(schema, here)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('changing the status of an entity that another entity manager has removed does not count it again', async () => {
    const { here, stale, other, mine, theirs } = await loadedTwice();
    await other.remove(theirs).flush();
    mine.status = EnrollmentStatus.DROPPED;
    await stale.flush();
    expect(await countsOf(schema, here)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('moving an entity that another entity manager has removed counts it nowhere', async () => {
    const { here, there, stale, other, mine, theirs } = await loadedTwice();
    await other.remove(theirs).flush();
    stale.assign(mine, { course: there });
    await stale.flush();
    expect([await countsOf(schema, here), await countsOf(schema, there)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('removing an entity that another entity manager has moved fails with COUNTER_CONFLICT, retryable, and nothing changes', async () => {
    const { here, there, stale, other, mine, theirs } = await loadedTwice();
    other.assign(theirs, { course: there });
    await other.flush();
    const error = await stale
      .remove(mine)
      .flush()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'COUNTER_CONFLICT', retryable: true });
    expect((error as CounterError).message).toContain(`Course ${there}`);
    expect([await countsOf(schema, here), await countsOf(schema, there)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(await schema.rows('select id from core_enrollments')).toHaveLength(2);
    await expectExactSchool(schema);
  });

  it('changing the status of an entity that another entity manager has moved fails with COUNTER_CONFLICT, and nothing changes', async () => {
    const { there, stale, other, mine, theirs, id } = await loadedTwice();
    other.assign(theirs, { course: there });
    await other.flush();
    mine.status = EnrollmentStatus.DROPPED;
    await expect(stale.flush()).rejects.toMatchObject({ code: 'COUNTER_CONFLICT', retryable: true });
    expect(await schema.rows('select status from core_enrollments where id = ?', [id])).toEqual([{ status: 'active' }]);
    await expectExactSchool(schema);
  });

  it('an entity that another entity manager has moved can be removed after it is loaded again', async () => {
    const { there, id, stale, other, mine, theirs } = await loadedTwice();
    other.assign(theirs, { course: there });
    await other.flush();
    await expect(stale.remove(mine).flush()).rejects.toThrow(CounterError);
    const fresh = schema.em();
    await fresh.remove(await fresh.findOneOrFail(Enrollment, id)).flush();
    expect(await countsOf(schema, there)).toEqual([0, 0]);
    await expectExactSchool(schema);
  });

  it('moving an entity to where another entity manager has moved it counts it there once', async () => {
    const { here, there, stale, other, mine, theirs } = await loadedTwice();
    other.assign(theirs, { course: there });
    await other.flush();
    stale.assign(mine, { course: there });
    await stale.flush();
    expect([await countsOf(schema, here), await countsOf(schema, there)]).toEqual([
      [1, 1],
      [1, 1],
    ]);
    await expectExactSchool(schema);
  });

  it('removing an entity that another entity manager has dropped uses the dropped status of the database', async () => {
    const { here, stale, other, mine, theirs } = await loadedTwice();
    theirs.status = EnrollmentStatus.DROPPED;
    await other.flush();
    await stale.remove(mine).flush();
    expect(await countsOf(schema, here)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('dropping an entity that another entity manager has dropped decrements the count once', async () => {
    const { here, stale, other, mine, theirs } = await loadedTwice();
    theirs.status = EnrollmentStatus.DROPPED;
    await other.flush();
    mine.status = EnrollmentStatus.COMPLETED;
    await stale.flush();
    expect(await countsOf(schema, here)).toEqual([2, 1]);
    await expectExactSchool(schema);
  });

  it('an entity that another entity manager has dropped stays dropped at the course to which it is moved', async () => {
    const { here, there, stale, other, mine, theirs } = await loadedTwice();
    theirs.status = EnrollmentStatus.DROPPED;
    await other.flush();
    stale.assign(mine, { course: there });
    await stale.flush();
    expect([await countsOf(schema, here), await countsOf(schema, there)]).toEqual([
      [1, 1],
      [1, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('a stale entity can be removed by reference, whatever memory holds', async () => {
    const { here, there, id, other, theirs } = await loadedTwice();
    other.assign(theirs, { course: there, status: EnrollmentStatus.SUSPENDED });
    await other.flush();
    const em = schema.em();
    await em.remove(em.getReference(Enrollment, id)).flush();
    expect([await countsOf(schema, here), await countsOf(schema, there)]).toEqual([
      [1, 1],
      [0, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('a stale entity can be changed by reference', async () => {
    const { here, there, id } = await loadedTwice();
    const em = schema.em();
    em.assign(em.getReference(Enrollment, id), { status: EnrollmentStatus.DROPPED });
    await em.flush();
    expect(await countsOf(schema, here)).toEqual([2, 1]);
    const again = schema.em();
    again.getReference(Enrollment, id).course = again.getReference(Course, there, { wrapped: true });
    await again.flush();
    expect([await countsOf(schema, here), await countsOf(schema, there)]).toEqual([
      [1, 1],
      [1, 0],
    ]);
    await expectExactSchool(schema);
  });

  it('removing a reference to a row that never existed changes nothing', async () => {
    const { here } = await loadedTwice();
    const em = schema.em();
    await em.remove(em.getReference(Enrollment, 999_999)).flush();
    expect(await countsOf(schema, here)).toEqual([2, 2]);
    await expectExactSchool(schema);
  });
});
