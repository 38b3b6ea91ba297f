import { expect, it } from 'vitest';
import { ChunkPace, verify, type VerifiedChunk, type VerifyOptions } from 'mikro-orm-counters';
import { Course, Enrollment, EnrollmentStatus, User } from '../../../src/entities/index.js';
import { describeOnEngineDatabases, engineServerKinds } from '../../support/databases.js';
import { useSchema } from '../../support/schema.js';
import { summarize, statementsOf } from '../../support/statements.js';
import { addCourses, addStudents, enroll, school } from '../models/school.js';
import { addShelves, library, Shelf } from '../models/library.js';

describeOnEngineDatabases('verify', kind => {
  const schema = useSchema(kind, school);
  const chunks = async (options?: VerifyOptions): Promise<VerifiedChunk[]> =>
    Array.fromAsync(verify(schema.em(), Course, options));
  const drifts = async (options?: VerifyOptions) =>
    (await chunks(options)).flatMap(chunk =>
      chunk.drifts.map(({ counter, key, stored, actual }) => [counter, key[0], stored, actual]),
    );

  /** Returns two courses, the first with an ACTIVE and a DROPPED enrollment, and students. */
  async function seeded() {
    const courses = await addCourses(schema, 2);
    const students = await addStudents(schema, 3);
    const active = await enroll(schema, courses[0]!, students[0]!);
    const dropped = await enroll(schema, courses[0]!, students[1]!, EnrollmentStatus.DROPPED);
    return { first: courses[0]!, second: courses[1]!, students, active, dropped };
  }

  it('verify of exact counts finds no drift and reports what it checked', async () => {
    const { first, second } = await seeded();
    expect(await chunks()).toEqual([
      {
        first: [first],
        last: [second],
        checked: 2,
        drifts: [],
        counts: [],
        milliseconds: expect.any(Number) as number,
      },
    ]);
  });

  it('verify of an empty table returns nothing', async () => {
    expect(await chunks()).toEqual([]);
  });

  const bypasses: [
    name: string,
    sql: (seed: Awaited<ReturnType<typeof seeded>>) => [string, unknown[]],
    found: (seed: Awaited<ReturnType<typeof seeded>>) => unknown[],
  ][] = [
    [
      'an insert',
      ({ second, students }) => [
        `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (?, ?, 'active', '2026-01-01', '2026-01-01')`,
        [second, students[0]],
      ],
      ({ second }) => [
        ['Course.totalEnrollments', second, 0, 1],
        ['Course.activeEnrollments', second, 0, 1],
      ],
    ],
    [
      'a delete of an ACTIVE row',
      ({ active }) => ['delete from core_enrollments where id = ?', [active]],
      ({ first }) => [
        ['Course.totalEnrollments', first, 2, 1],
        ['Course.activeEnrollments', first, 1, 0],
      ],
    ],
    [
      'a delete of a DROPPED row',
      ({ dropped }) => ['delete from core_enrollments where id = ?', [dropped]],
      ({ first }) => [['Course.totalEnrollments', first, 2, 1]],
    ],
    [
      'a change of status',
      ({ dropped }) => [`update core_enrollments set status = 'active' where id = ?`, [dropped]],
      ({ first }) => [['Course.activeEnrollments', first, 1, 2]],
    ],
    [
      'a move',
      ({ active, second }) => ['update core_enrollments set course_id = ? where id = ?', [second, active]],
      ({ first, second }) => [
        ['Course.totalEnrollments', first, 2, 1],
        ['Course.activeEnrollments', first, 1, 0],
        ['Course.totalEnrollments', second, 0, 1],
        ['Course.activeEnrollments', second, 0, 1],
      ],
    ],
    [
      'a stored count written over',
      ({ first }) => ['update core_course set total_enrollments = 7, active_enrollments = 0 where id = ?', [first]],
      ({ first }) => [
        ['Course.totalEnrollments', first, 7, 2],
        ['Course.activeEnrollments', first, 0, 1],
      ],
    ],
    [
      'the removal of all rows',
      ({ first }) => ['delete from core_enrollments where course_id = ?', [first]],
      ({ first }) => [
        ['Course.totalEnrollments', first, 2, 0],
        ['Course.activeEnrollments', first, 1, 0],
      ],
    ],
  ];

  it.each(bypasses)('verify finds what raw SQL leaves behind: %s', async (_name, sql, found) => {
    const seed = await seeded();
    await schema.write(...sql(seed));
    expect(await drifts()).toEqual(found(seed));
    expect(await drifts({ batchSize: 1 })).toEqual(found(seed));
    expect(await drifts({ keys: [[seed.second], [seed.first]] })).toEqual(found(seed));
  });

  it('verify reads a chunk in one statement, or in small pieces on SQLite, where a statement blocks the process', async () => {
    const ids = await addCourses(schema, 25);
    await schema.write('update core_course set total_enrollments = id');
    let found: VerifiedChunk[] = [];
    const statements = await statementsOf(
      schema.database,
      async () => (found = await chunks({ batchSize: 20, pace: new ChunkPace({ first: 10, most: 10 }) })),
    );
    expect(found.map(({ first, last, checked }) => [first[0], last[0], checked])).toEqual([
      [ids[0], ids[19], 20],
      [ids[20], ids[24], 5],
    ]);
    expect(found.flatMap(chunk => chunk.drifts.map(({ key, place }) => [key[0], place]))).toEqual(
      ids.map((id, index) => [id, (index % 20) + 1]),
    );
    expect(statements.filter(sql => sql.includes('count(*)')).length).toBe(kind === 'sqlite' ? 3 : 2);
  });

  it('verify goes through the table in chunks of the given size, in key order, and on from the end of any chunk', async () => {
    const ids = await addCourses(schema, 7);
    await schema.write('update core_course set total_enrollments = id');
    const all = await chunks({ batchSize: 3 });
    expect(all.map(({ first, last, checked }) => [first[0], last[0], checked])).toEqual([
      [ids[0], ids[2], 3],
      [ids[3], ids[5], 3],
      [ids[6], ids[6], 1],
    ]);
    expect(all.flatMap(chunk => chunk.drifts.map(({ key, place }) => [key[0], place]))).toEqual(
      ids.map((id, index) => [id, (index % 3) + 1]),
    );
    expect((await chunks({ batchSize: 3, after: all[0]!.last })).map(({ first }) => first[0])).toEqual([
      ids[3],
      ids[6],
    ]);
    expect(await chunks({ after: all[2]!.last })).toEqual([]);
  });

  it('verify of listed rows checks each of them once and skips missing ones', async () => {
    const ids = await addCourses(schema, 5);
    await schema.write('update core_course set total_enrollments = 1');
    const listed = [ids[4]!, ids[1]!, ids[1]!, 1_000_000].map(id => [id]);
    const found = await chunks({ keys: listed, batchSize: 1 });
    expect(found.flatMap(chunk => chunk.drifts.map(({ key }) => key[0]))).toEqual([ids[1], ids[4]]);
    expect(found.map(({ checked }) => checked)).toEqual([1, 1]);
    expect(
      (await chunks({ keys: listed, after: [ids[1]] })).map(({ first, last, checked }) => [first[0], last[0], checked]),
    ).toEqual([[ids[4], 1_000_000, 1]]);
    expect(await chunks({ keys: [] })).toEqual([]);
  });

  it('verify gives every count when all are requested', async () => {
    const { first, second } = await seeded();
    const [chunk] = await chunks({ all: true });
    expect(chunk!.counts.map(({ counter, key, stored, actual }) => [counter, key[0], stored, actual])).toEqual([
      ['Course.totalEnrollments', first, 2, 2],
      ['Course.activeEnrollments', first, 1, 1],
      ['Course.totalEnrollments', second, 0, 0],
      ['Course.activeEnrollments', second, 0, 0],
    ]);
    expect(chunk!.drifts).toEqual([]);
  });

  it('verify reads each chunk with one statement for all counters, and writes nothing', async () => {
    await seeded();
    const statements = await statementsOf(schema.database, () => chunks({ batchSize: 1 }));
    const comparing = statements.filter(sql => sql.includes('core_enrollments'));
    expect(comparing).toHaveLength(2);
    expect(
      comparing.every(
        sql =>
          sql.split('core_enrollments').length === 2 &&
          sql.includes('total_enrollments') &&
          sql.includes('active_enrollments'),
      ),
    ).toBe(true);
    expect(new Set(summarize(statements))).toEqual(new Set(['select core_course']));
  });

  it('verify in a transaction sees what the transaction has written', async () => {
    const { first, students } = await seeded();
    await schema.em().transactional(async em => {
      em.create(Enrollment, { course: first, student: students[2]! });
      await em.flush();
      const [chunk] = await Array.fromAsync(verify(em as never, Course, { keys: [[first]], all: true }));
      expect(chunk!.counts.map(({ stored, actual }) => [stored, actual])).toEqual([
        [3, 3],
        [2, 2],
      ]);
    });
  });

  it('verify rejects an entity that is no target of a counter, and an invalid batch size', async () => {
    await expect(Array.fromAsync(verify(schema.em(), User))).rejects.toMatchObject({ code: 'COUNTER_DECLARATION' });
    for (const batchSize of [0, -1, 1.5, Number.NaN]) await expect(chunks({ batchSize })).rejects.toThrow(RangeError);
  });
});

describeOnEngineDatabases(
  'verify beside a transaction that holds every row',
  kind => {
    const schema = useSchema(kind, library);

    it('verify waits for no lock of a transaction that holds every row', async () => {
      const shelves = await addShelves(schema, 3);
      await schema.em().transactional(async holder => {
        await holder.execute('select id from shelf for update');
        await holder.execute("insert into book (title, shelf_id, lent) values ('Not yet', ?, false)", [shelves[0]]);
        await holder.execute('select id from book for update');
        const found = await Array.fromAsync(verify(schema.em(), Shelf));
        expect(found.map(({ checked, drifts }) => [checked, drifts])).toEqual([[3, []]]);
      });
    });
  },
  engineServerKinds,
);
