import { afterAll, beforeAll, expect, it } from 'vitest';
import { Role } from '../../src/entities/index.js';
import type { Database } from '../../src/database/database.js';
import { ASSUMED_SIZES, CachedTableSizes, NO_ROWS, roundedUp, type TableSizes } from '../../src/reading/index.js';
import { waitUntil } from '../support/wait.js';
import { describeOnEach, freshDatabase } from '../support/databases.js';
import { addCourses, addEnrollments, addUsers } from '../support/rows.js';
import { statementsOf } from '../support/statements.js';

describeOnEach('the sizes of the tables', kind => {
  let database: Database;
  let drop: () => Promise<void>;

  beforeAll(async () => {
    ({ database, drop } = await freshDatabase(kind));
  });
  afterAll(() => drop());

  function cachedSizes(): { sizes: CachedTableSizes; troubles: unknown[] } {
    const troubles: unknown[] = [];
    return { sizes: new CachedTableSizes(database, trouble => troubles.push(trouble)), troubles };
  }

  it('the sizes of the tables are those of a large school until they are read, and then the real ones', async () => {
    const { sizes, troubles } = cachedSizes();
    expect(sizes.current).toEqual(ASSUMED_SIZES);
    await sizes.refresh();
    expect(sizes.current).toEqual(roundedUp(NO_ROWS));
    const [one, other] = await addUsers(database, Role.TEACHER, 2);
    const students = await addUsers(database, Role.STUDENT, 40);
    const [large, small, third] = await addCourses(database, [
      { instructor: one! },
      { instructor: other! },
      { instructor: other! },
    ]);
    await addEnrollments(database, [
      ...students.map(student => ({ course: large!, student })),
      ...[small, third].map(course => ({ course: course!, student: students[0]! })),
    ]);
    expect(sizes.current).toEqual(roundedUp(NO_ROWS));
    await sizes.refresh();
    expect(sizes.current).toEqual(
      roundedUp({
        courses: 3,
        enrollments: 42,
        largest: [40, 1, 1],
        mostTaught: { courses: 2, enrollments: 40 },
        runs: 0,
        changes: 0,
      }),
    );
    expect(sizes.current).toMatchObject({ courses: 16, enrollments: 48, mostTaught: { courses: 16, enrollments: 48 } });
    expect(sizes.current.largest.slice(0, 3)).toEqual([48, 16, 16]);
    expect(troubles).toEqual([]);
  });

  it('the sizes of the tables are read once for many simultaneous requests, and not again for every request', async () => {
    const { sizes } = cachedSizes();
    const statements = await statementsOf(database, async () => {
      for (let times = 0; times < 50; times += 1) expect(sizes.current).toEqual(ASSUMED_SIZES);
      await waitUntil(() => sizes.current !== ASSUMED_SIZES, 'the sizes were not read');
    });
    expect(statements).toHaveLength(4);
    expect(
      await statementsOf(database, () => Promise.resolve(Array.from({ length: 50 }, () => sizes.current))),
    ).toEqual([]);
    expect(statements.filter(sql => sql.includes('from core_enrollments')).every(sql => sql.includes('max(id)'))).toBe(
      true,
    );
  });

  it('the sizes of the tables stay as they are when they cannot be read, and large where they never were', async () => {
    const { sizes, troubles } = cachedSizes();
    await database.em.fork().execute('alter table core_recount_changes rename to core_elsewhere', [], 'run');
    await sizes.refresh();
    expect(sizes.current).toEqual(ASSUMED_SIZES);
    expect(troubles).toHaveLength(1);
    await database.em.fork().execute('alter table core_elsewhere rename to core_recount_changes', [], 'run');
    await sizes.refresh();
    expect(sizes.current.courses).toBe(16);
  });

  it('the sizes of the tables reveal no single course or enrollment by a price', async () => {
    const { sizes } = cachedSizes();
    await sizes.refresh();
    const before = sizes.current;
    const [hidden] = await addCourses(database, [{ isPublished: false }]);
    const [student] = await addUsers(database, Role.STUDENT, 1);
    await addEnrollments(database, [{ course: hidden!, student: student! }]);
    await sizes.refresh();
    expect(sizes.current).toEqual(before);
  });
});

it.each([
  [0, 16],
  [16, 16],
  [17, 24],
  [24, 24],
  [25, 32],
  [33, 48],
  [49, 64],
  [20_000, 24_576],
  [2_009_909, 2_097_152],
  [2 ** 40 + 1, 1.5 * 2 ** 40],
])('a size of %i is rounded up to %i', (size, expected) => {
  const sizes: TableSizes = { ...NO_ROWS, courses: size };
  expect(roundedUp(sizes).courses).toBe(expected);
});
