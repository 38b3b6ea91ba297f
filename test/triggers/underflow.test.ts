import { afterEach, expect, it } from 'vitest';
import { deleteWhere, updateWhere } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus } from '../../src/entities/index.js';
import { addCourses, addStudents, countsOf, enroll, school } from '../counters/models/school.js';
import { describeOnEngineDatabases, describeOnMySql } from '../support/databases.js';
import { useSchema, type Schema } from '../support/schema.js';

/** Returns an enrollment in a course whose stored counts were made 0. */
async function tooLow(
  schema: Schema,
  columns = 'total_enrollments = 0, active_enrollments = 0',
): Promise<{ course: number; id: number }> {
  const [course] = await addCourses(schema, 1);
  const [student] = await addStudents(schema, 1);
  const id = await enroll(schema, course!, student!);
  await schema.write(`update core_course set ${columns} where id = ?`, [course!]);
  return { course: course!, id };
}

async function remove(schema: Schema, id: number): Promise<void> {
  const em = schema.em();
  await em.remove(await em.findOneOrFail(Enrollment, id)).flush();
}

describeOnEngineDatabases('a stored count that was made too low, with triggers', kind => {
  const schema = useSchema(kind, school, 'triggers');
  // Otherwise the rows could not be removed before the next test.
  afterEach(() => schema.write('update core_course set total_enrollments = 9, active_enrollments = 9'));

  it('triggers never take a stored count below 0 by any way of writing: COUNTER_UNDERFLOW, as with hooks, and nothing is written', async () => {
    const { course, id } = await tooLow(schema);
    const refused = {
      code: 'COUNTER_UNDERFLOW',
      retryable: false,
      message: expect.stringMatching(
        /^The change would make Course\.(total|active)Enrollments negative: .* Verify .* recount/,
      ),
    };
    await expect(remove(schema, id)).rejects.toMatchObject(refused);
    await expect(deleteWhere(schema.em(), Enrollment, { course })).rejects.toMatchObject(refused);
    await expect(
      updateWhere(schema.em(), Enrollment, { course }, { status: EnrollmentStatus.DROPPED }),
    ).rejects.toMatchObject(refused);
    await expect(schema.em().nativeDelete(Enrollment, { id })).rejects.toMatchObject(refused);
    expect(await countsOf(schema, course)).toEqual([0, 0]);
    expect(await schema.rows('select id, status from core_enrollments')).toEqual([{ id, status: 'active' }]);
  });

  it('a stored count that would fall below 0 is named, where another count of the same course is right', async () => {
    const { id } = await tooLow(schema, 'total_enrollments = 0');
    await expect(remove(schema, id)).rejects.toMatchObject({
      message: expect.stringContaining('Course.totalEnrollments'),
    });
    await schema.write('update core_course set total_enrollments = 1, active_enrollments = 0');
    await expect(remove(schema, id)).rejects.toMatchObject({
      message: expect.stringContaining('Course.activeEnrollments'),
    });
  });

  it('a stored count below 0 is distinguished from other mistakes that the database rejects', async () => {
    const [course] = await addCourses(schema, 1);
    await expect(
      schema.em().nativeUpdate(Course, { id: course! }, { capacity: null, status: 'no status' as never }),
    ).rejects.not.toHaveProperty('code', 'COUNTER_UNDERFLOW');
  });
});

describeOnMySql('a stored count in a column that is not unsigned, with triggers', kind => {
  const schema = useSchema(kind, school, 'triggers');

  it('a CHECK on a column that is not unsigned keeps a stored count from falling below 0: COUNTER_UNDERFLOW', async () => {
    await schema.write('alter table core_course modify total_enrollments int not null default 0');
    const { id } = await tooLow(schema, 'total_enrollments = 0');
    await expect(remove(schema, id)).rejects.toMatchObject({
      code: 'COUNTER_UNDERFLOW',
      message: expect.stringContaining('Course.totalEnrollments'),
    });
  });
});
