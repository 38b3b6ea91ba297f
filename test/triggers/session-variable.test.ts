import { createConnection } from 'mysql2/promise';
import { expect, it, onTestFinished } from 'vitest';
import { installTriggers } from 'mikro-orm-counters';
import { openDatabase } from '../../src/database/database.js';
import { Role } from '../../src/entities/index.js';
import { addCourse, addUser, storedAndActual } from '../support/api.js';
import { describeOnMySql, freshUrl } from '../support/databases.js';
import { migrate } from '../support/migrated.js';

describeOnMySql('the session variable @counters_kept_by_hooks', kind => {
  it('the session variable keeps the triggers from counting for its own session only, which restores rows together with their counts', async () => {
    const { url, drop } = freshUrl(kind);
    const database = await openDatabase(url, 'triggers');
    await migrate(database);
    await installTriggers(database.em);
    const session = await createConnection(url);
    onTestFinished(async () => {
      await session.end();
      await database.close(true);
      await drop();
    });
    const course = await addCourse(database);
    const students = await Promise.all([0, 1, 2].map(() => addUser(database, Role.STUDENT)));
    const insert = (student: number): Promise<unknown> =>
      session.query(
        `insert into core_enrollments (course_id, student_id, status, enrolled_at, updated_at) values (${course}, ${student}, 'active', '2026-01-01', '2026-01-01')`,
      );
    const counts = async () => (await storedAndActual(database))[0];

    await insert(students[0]!);
    expect(await counts()).toMatchObject({ stored: [1, 1], actual: [1, 1] });
    await session.query('set @counters_kept_by_hooks = 1');
    await insert(students[1]!);
    expect(await counts()).toMatchObject({ stored: [1, 1], actual: [2, 2] });
    await session.query('update core_course set total_enrollments = 2, active_enrollments = 2');
    await session.query('set @counters_kept_by_hooks = null');
    await insert(students[2]!);
    expect(await counts()).toMatchObject({ stored: [3, 3], actual: [3, 3] });
  });
});
