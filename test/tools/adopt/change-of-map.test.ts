import { afterAll, afterEach, expect, it } from 'vitest';
import { adopt, undoAdoption, type OnStep } from '../../../src/database/adoption/adopt.js';
import { readJournal } from '../../../src/database/adoption/journal.js';
import { planAdoption } from '../../../src/database/adoption/plan.js';
import { dialectOf, openDatabase, openToAdopt, type Database } from '../../../src/database/database.js';
import { findTables } from '../../../src/database/schema/found-tables.js';
import { TheirDatabase } from '../../../src/tools/adopt/found/their-database.js';
import { guessedMap } from '../../../src/tools/adopt/map/load-map.js';
import { definitionsIn } from '../../support/catalog.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { djangoCourses, djangoEnrollments, djangoTables, djangoUsers } from '../../support/django-tables.js';

describeOnEach('another map for a database that is open in place', kind => {
  let drop: () => Promise<void>;
  let database: Database;
  afterEach(() => database.close(true));
  afterAll(() => drop());

  it('another map for a database that is open in place lets its columns be computed anew, also after an interruption, and an undo leaves nothing', async () => {
    const place = freshUrl(kind);
    drop = place.drop;
    const maker = await openDatabase(place.url);
    await maker.schema.ensureDatabase();
    const rows = [
      djangoUsers([{ id: 1 }, { id: 2 }]),
      djangoCourses([{ id: 1 }]),
      djangoEnrollments([
        [1, 1, 1, 'ACTIVE'],
        [2, 1, 2, 'paid'],
      ]),
    ];
    // They serve as well as ours where queries name none.
    const theirs = ['title', 'slug'].map(column => `create index their_${column}s on core_course (${column})`);
    for (const sql of [...djangoTables(kind), ...rows, ...theirs])
      await maker.em.getConnection().execute(sql, [], 'run');
    await maker.close(true);
    database = await openToAdopt(place.url);
    const map = await guessedMap(new TheirDatabase(database), await findTables(database));
    const definitions = (): Promise<string[]> => definitionsIn(database, kind);
    const before = await definitions();
    await adopt(database, { map });
    const indexesOf = async (): Promise<string[]> =>
      [...(await findTables(database)).values()]
        .flatMap(({ name, indexes }) =>
          indexes.map(index => `${name}.${index.name} (${index.columns.join()}) ${index.isUnique}`),
        )
        .toSorted();
    const statuses = () =>
      database.em.getConnection().execute<object[]>('select rollcall_status as s from core_enrollments order by id');
    const indexes = await indexesOf();
    expect(await statuses()).toEqual([{ s: 'active' }, { s: '?paid' }]);

    const other = structuredClone(map);
    Object.assign((other.enrollments.columns.status as { values: object }).values, { SUSPENDED: ['paid'] });
    const [change] = (await planAdoption(database, other)).additions;
    expect(change).toMatchObject({ kind: 'changes', object: 'core_enrollments' });
    const interrupted: OnStep = () => {
      throw new Error('interrupted');
    };
    await expect(adopt(database, { map: other }, interrupted)).rejects.toThrow('interrupted');
    // As if it had been killed after its first statement.
    await dialectOf(database).adoption.run(database.em, change!.statements[0]!);
    expect((await readJournal(database.em.fork()))!.entries.some(({ isDone }) => !isDone)).toBe(true);
    await expect(undoAdoption(database)).rejects.toThrow('continue it first');
    await adopt(database, { map: other });
    expect(await statuses()).toEqual([{ s: 'active' }, { s: 'suspended' }]);
    expect(await indexesOf()).toEqual(indexes);
    expect((await planAdoption(database, other)).additions).toEqual([]);

    const filled = { ...other, courses: { ...other.courses, fill: { level: { value: 'advanced' } } } };
    expect(await adopt(database, { map: filled })).toBe(0);
    expect((await readJournal(database.em.fork()))!.map).toEqual(filled);
    const elsewhere = { ...filled, courses: { ...filled.courses, table: 'core_category' } };
    await expect(adopt(database, { map: elsewhere })).rejects.toThrow('by a map with other tables for the courses');
    const sourced = structuredClone(filled);
    sourced.courses.columns.capacity = { value: 30 };
    await expect(adopt(database, { map: sourced })).rejects.toThrow(
      "core_course.rollcall_capacity has values of Rollcall's own",
    );

    const renamed = structuredClone(filled);
    renamed.courses.columns.title = 'slug';
    await adopt(database, { map: renamed });
    expect(
      (await indexesOf()).filter(text => text.includes('core_course.core_course_is_published_title_index')),
    ).toEqual([expect.stringMatching(/\(is_published,slug(?:,id)?\)/)]);

    await undoAdoption(database);
    expect(await definitions()).toEqual(before);
  });
});
