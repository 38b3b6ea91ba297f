import { Collection, type Opt, type Ref } from '@mikro-orm/core';
import { Entity, ManyToOne, OneToMany, PrimaryKey, Property } from '@mikro-orm/decorators/legacy';
import { expect, it } from 'vitest';
import { defineCounter } from '../../src/counters/index.js';
import { Enrollment, EnrollmentStatus } from '../../src/entities/index.js';
import { describeOnEach } from '../support/databases.js';
import { expectExact } from '../support/exact.js';
import { useSchema } from '../support/schema.js';
import { gistOf, statementsOf } from '../support/statements.js';
import { addCourses, addStudents, countsOf, enroll, expectExactSchool, school } from './models/school.js';

describeOnEach('a row that is removed and created again in one flush', kind => {
  const schema = useSchema(kind, school);

  it('with the same unique pair is deleted first and counted once', async () => {
    const [course] = await addCourses(schema, 1);
    const [student] = await addStudents(schema, 1);
    const id = await enroll(schema, course!, student!, EnrollmentStatus.DROPPED);
    const em = schema.em();
    em.remove(await em.findOneOrFail(Enrollment, id));
    em.create(Enrollment, { course: course!, student: student! });
    const statements = gistOf(await statementsOf(schema.database, () => em.flush()));
    expect(statements.indexOf('delete core_enrollments')).toBeLessThan(statements.indexOf('insert core_enrollments'));
    expect(await countsOf(schema, course!)).toEqual([1, 1]);
    await expectExactSchool(schema);
  });

  it('with the same key is counted once', async () => {
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

@Entity({ tableName: 'desk' })
class Desk {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @OneToMany(() => Clerk, clerk => clerk.desk)
  clerks = new Collection<Clerk>(this);

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly clerkCount: Opt<number> = 0;

  @Property({ type: 'integer', unsigned: true, default: 0 })
  readonly chiefCount: Opt<number> = 0;
}

/** Is a counted row with a unique foreign key and a unique standing, whose changes MikroORM sends in two steps. */
@Entity({ tableName: 'clerk' })
class Clerk {
  @PrimaryKey({ type: 'integer' })
  id!: number;

  @ManyToOne(() => Desk, { ref: true, nullable: true, unique: true, deleteRule: 'restrict', updateRule: 'restrict' })
  desk?: Ref<Desk> | null;

  @Property({ type: 'integer', nullable: true, unique: true })
  standing?: number | null;
}

describeOnEach('a unique property of counted rows that goes from one to another in one flush', kind => {
  const schema = useSchema(kind, {
    entities: [Desk, Clerk],
    counters: [defineCounter({ counted: Clerk, by: 'desk', into: 'clerkCount' }), defineCounter({ counted: Clerk, by: 'desk', into: 'chiefCount', where: { standing: 1 } })],
  });
  const desks = { target: 'desk', counted: 'clerk', by: { id: 'desk_id' } };
  const exact = () => expectExact(schema, { ...desks, column: 'clerk_count' }, { ...desks, column: 'chief_count', where: 'c.standing = 1' });

  async function addClerks() {
    const em = schema.em();
    const rows = [1, 2].map(standing => em.create(Clerk, { standing, desk: em.create(Desk, {}) }));
    await em.flush();
    return rows.map(({ id }) => id);
  }

  it.each(['first', 'second'])('foreign key: counted or refused, the %s row gives it away', async giver => {
    const ids = await addClerks();
    const em = schema.em();
    const [one, two] = await em.find(Clerk, { id: ids }, { orderBy: { id: giver === 'first' ? 'asc' : 'desc' } });
    two!.desk = one!.desk!;
    one!.desk = null;
    await em.flush().catch(error => expect(error).toMatchObject({ code: expect.stringMatching(/^COUNTER_/) }));
    await exact();
  });

  it.each(['first', 'second'])('condition: counted or refused, the %s row gives it away', async giver => {
    const ids = await addClerks();
    const em = schema.em();
    const [one, two] = await em.find(Clerk, { id: ids }, { orderBy: { id: giver === 'first' ? 'asc' : 'desc' } });
    [one!.standing, two!.standing] = [null, one!.standing!];
    await em.flush().catch(error => expect(error).toMatchObject({ code: expect.stringMatching(/^COUNTER_/) }));
    await exact();
  });

  it('from a row that is updated to one that is created: counted or refused', async () => {
    const ids = await addClerks();
    const em = schema.em();
    const [one] = await em.find(Clerk, { id: ids }, { orderBy: { id: 'asc' } });
    em.create(Clerk, { standing: 1, desk: one!.desk! });
    Object.assign(one!, { standing: null, desk: null });
    await em.flush().catch(error => expect(error).toMatchObject({ code: expect.stringMatching(/^COUNTER_/) }));
    await exact();
  });
});
