import { afterEach, beforeEach, expect, it } from 'vitest';
import { installTriggers } from 'mikro-orm-counters';
import { openDatabase, type Database } from '../../../src/database/database.js';
import { describeOnEach, freshUrl } from '../../support/databases.js';
import { problemsIn, examineDatabase, findingsOf } from '../../support/examination.js';
import { addCountedCourses, bypassCounters } from '../../support/place-on.js';
import { allRows } from '../../support/rows.js';
import { migrate } from '../../support/migrated.js';
import { rowTrigger } from '../../support/row-trigger.js';
import { isMySql } from '../../support/server.js';

describeOnEach('the doctor and the strategy', kind => {
  let url: string;
  let database: Database;
  let drop: () => Promise<void>;

  beforeEach(async () => {
    ({ url, drop } = freshUrl(kind));
    database = await openDatabase(url);
    await migrate(database);
    await addCountedCourses(database, ['Optics']);
  });
  afterEach(async () => {
    await database.close(true);
    await drop();
  });

  it('the doctor watches triggers count', async () => {
    await installTriggers(database.em);
    const before = await allRows(database);
    const findings = await examineDatabase(url, { COUNTERS: 'triggers' });
    expect(problemsIn(findings)).toEqual([]);
    expect(findingsOf(findings, 'strategy')[0]!.message).toBe('COUNTERS=triggers; the database has triggers.');
    if (kind !== 'sqlite')
      expect(findingsOf(findings, 'privileges').map(({ message }) => message)).toContain(
        isMySql(kind) ? 'TRIGGER and LOCK TABLES are granted.' : 'The user may create and drop the triggers.',
      );
    expect(await allRows(database)).toEqual(before);
  });

  it('the doctor finds that triggers are missing, and that nothing can be written without them', async () => {
    expect(problemsIn(await examineDatabase(url, { COUNTERS: 'triggers' }))).toMatchObject([
      {
        check: 'strategy',
        status: 'failed',
        message: 'COUNTERS=triggers; the database has hooks (no triggers).',
        advice: expect.stringContaining('"rollcall counters use triggers"'),
      },
      { check: 'probe', status: 'failed', message: expect.stringContaining('Install them, or count with hooks.') },
    ]);
  });

  it('the doctor finds triggers where hooks count, and an unfinished switch', async () => {
    await installTriggers(database.em);
    expect(problemsIn(await examineDatabase(url))).toMatchObject([
      { check: 'strategy', status: 'failed', message: 'COUNTERS=hooks; the database has triggers.' },
    ]);
    expect(problemsIn(await examineDatabase(url, { COUNTERS: 'switching' }))).toMatchObject([
      { check: 'strategy', status: 'warning' },
    ]);
  });

  it('the doctor sees by its probe a trigger that counts twice', async () => {
    const { created } = await installTriggers(database.em);
    const name = created.find(one => one.endsWith('after_insert'))!;
    await bypassCounters(database, `drop trigger ${name}${kind === 'postgresql' ? ' on core_enrollments' : ''}`);
    if (kind === 'postgresql') await bypassCounters(database, `drop function ${name}()`);
    const statement =
      'update core_course set total_enrollments = total_enrollments + 2, active_enrollments = active_enrollments + 1 where id = new.course_id';
    for (const sql of rowTrigger(kind, name, 'after insert', 'core_enrollments', { statement }))
      await bypassCounters(database, sql);
    const before = await allRows(database);
    const amiss = problemsIn(await examineDatabase(url, { COUNTERS: 'triggers' }));
    // It may belong to another application, so that the schema is checked too.
    expect(amiss.map(({ check, status }) => [check, status])).toEqual([
      ['migrations', 'warning'],
      ['strategy', 'failed'],
      ['probe', 'failed'],
    ]);
    expect(amiss[2]!.message).toBe(
      'Enrolling and unenrolling moved the counts 0, 0 → 2, 1 → 1, 0, not 0, 0 → 1, 1 → 0, 0.',
    );
    expect(await allRows(database)).toEqual(before);
  });
});
