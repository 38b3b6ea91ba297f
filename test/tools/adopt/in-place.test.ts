import { afterEach, expect, it } from 'vitest';
import { adopt, undoAdoption } from '../../../src/database/adoption/adopt.js';
import { readJournal } from '../../../src/database/adoption/journal.js';
import { planAdoption } from '../../../src/database/adoption/plan.js';
import type { Database } from '../../../src/database/database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import type { DatabaseMap } from '../../../src/map/map-form.js';
import { openedInPlace, type OpenedInPlace } from '../../support/adopted.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEach } from '../../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../../support/django-tables.js';

/** The rows of a Django app that was in use for years: values of its own, blank ones, and keys of more than 32 bits. */
const rows = [
  djangoUsers([
    { id: 1, firstName: 'Ann', lastName: ' Bee ', role: 'Teacher', isActive: false },
    { id: 2, role: 'dean', email: '' },
    { id: 4_294_967_299, email: 'user1@school.example' },
  ]),
  djangoCourses([
    { id: 1, instructor: 1, totalEnrollments: 7 },
    { id: 2, status: ' Draft ', isPublished: false },
  ]),
  djangoEnrollments([
    [1, 1, 2, 'ACTIVE'],
    [2, 2, 2, 'paid'],
    [4_294_967_298, 1, 4_294_967_299, ''],
  ]),
];

/** The columns of each table of theirs. */
const theirColumns = {
  core_user:
    'id, password, last_login, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined, role, phone, bio, created_at, updated_at',
  core_course:
    'id, title, slug, description, short_description, price, level, duration_hours, status, is_published, total_enrollments, rating, created_at, updated_at, category_id, instructor_id',
  core_enrollments:
    'id, status, progress, enrolled_at, completed_at, last_accessed, certificate_issued, course_id, student_id',
};

describeOnEach("a Django app's database that is opened in place", kind => {
  let opened: OpenedInPlace;
  let database: Database;

  afterEach(() => opened.close());

  /** Makes a Django app's database with some rows, and opens it. */
  async function django({ uniquePair = true, more = [] as readonly string[] } = {}): Promise<DatabaseMap> {
    opened = await openedInPlace(kind, [...djangoTables(kind, { uniquePair }), ...rows, ...more]);
    ({ database } = opened);
    return opened.map;
  }

  const read = <Row extends object = Record<string, unknown>>(sql: string): Promise<Row[]> =>
    database.em.getConnection().execute<Row[]>(sql);
  const definitions = (): Promise<string[]> => definitionsIn(database, kind);

  async function theirRows(): Promise<unknown[]> {
    const found: unknown[] = [];
    for (const [table, columns] of Object.entries(theirColumns))
      found.push(await read(`select ${columns} from ${table} order by id`));
    return found;
  }

  it("a Django app's database that is opened in place gets additions only, has every value of theirs, and is as it was after an undo", async () => {
    const map = await django();
    const before = { definitions: await definitions(), rows: await theirRows() };
    const plan = await planAdoption(database, map);
    expect(plan.refusals).toEqual([]);
    expect(await definitions()).toEqual(before.definitions);
    for (const sql of plan.additions.flatMap(({ statements }) => statements))
      expect(sql).toMatch(
        /^(?:alter table \S+ (?:add|alter column \S+ set default|rename index)|create (?:unique )?(?:index|table|collation)|insert into rollcall_migrations|alter table core_recount_changes modify) /,
      );

    await adopt(database, plan);
    expect(await theirRows()).toEqual(before.rows);
    expect((await planAdoption(database, map)).additions).toEqual([]);
    expect(await read('select rollcall_status as s from core_enrollments order by id')).toEqual([
      { s: 'active' },
      { s: '?paid' },
      { s: '?' },
    ]);
    expect(await read('select rollcall_status as s from core_course order by id')).toEqual([
      { s: 'active' },
      { s: 'draft' },
    ]);
    expect(await read('select rollcall_role as r, rollcall_name as n from core_user order by id')).toEqual([
      { r: 'student', n: 'Ann Bee' },
      { r: '?dean', n: 'user2' },
      { r: 'student', n: 'user4294967299' },
    ]);
    expect(
      await read('select rollcall_active_enrollments as a, rollcall_capacity as c from core_course where id = 1'),
    ).toEqual([{ a: 0, c: null }]);
    const journal = await readJournal(database.em.fork());
    expect(journal?.map).toEqual(map);
    expect(journal?.entries.every(({ isDone }) => isDone)).toBe(true);

    await undoAdoption(database);
    expect({ definitions: await definitions(), rows: await theirRows() }).toEqual(before);
  });

  // SQLite counts the columns of an INSERT without names.
  const takes = kind === 'sqlite' ? 'refuses' : 'takes';
  it(`${takes} an INSERT that names no columns`, async () => {
    const map = await django();
    await adopt(database, { map });
    const insert = database.em
      .getConnection()
      .execute(
        "insert into core_course values (9, 'Optics', 'optics', '', '', 0, '', 0, 'published', true, 0, 0, '2025-01-01 00:00:00', '2025-01-01 00:00:00', null, null)",
        [],
        'run',
      );
    if (kind === 'sqlite') {
      await expect(insert).rejects.toThrow('but 16 values were supplied');
      return;
    }
    await insert;
    expect(await read('select rollcall_status as s from core_course where id = 9')).toEqual([{ s: 'active' }]);
    const [row] = await read('select * from core_course where id = 9');
    expect(Object.keys(row!).some(name => name.startsWith('rollcall_'))).toBe(kind === 'postgresql');
  });

  it("a Django app's database that is opened in place has the indexes of our queries, with the names that they have", async () => {
    const map = await django({ uniquePair: false, more: [djangoEnrollments([[5, 1, 2]])] });
    const plan = await planAdoption(database, map);
    expect(plan.remarks).toContain(
      'core_enrollments gets no unique key, because students are in a course several times.',
    );
    await adopt(database, plan);
    const { indexes } = (await findTables(database)).get('core_enrollments')!;
    const found = new Map(
      indexes.map(({ name, columns, isUnique }) => [name, `${columns.join()}${isUnique ? ' unique' : ''}`]),
    );
    const key = kind === 'postgresql' ? ',id' : '';
    expect(Object.fromEntries(found)).toMatchObject({
      core_enrollments_course_id_student_id_unique: 'course_id,student_id',
      core_enrollments_course_id_status_enrolled_at_index: `course_id,rollcall_status,rollcall_enrolled_at${key}`,
      core_enrollments_status_enrolled_at_index: `rollcall_status,rollcall_enrolled_at${key}`,
    });
    // They still write, whatever the value.
    await database.em.getConnection().execute(djangoEnrollments([[6, 2, 1, "it's new"]]), [], 'run');
    expect(await read('select rollcall_status as s from core_enrollments where id = 6')).toEqual([{ s: "?it's new" }]);
  });
});
