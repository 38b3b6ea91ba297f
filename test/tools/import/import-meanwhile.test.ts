import { expect, it } from 'vitest';
import { openDatabase } from '../../../src/database/database.js';
import { Role } from '../../../src/entities/index.js';
import type { BadRow } from '../../../src/tools/import/bad-row.js';
import { importEnrollments } from '../../../src/tools/import/import-enrollments.js';
import { storedAndActual } from '../../support/api.js';
import { describeOnEach, freshDatabase } from '../../support/databases.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { addCourses, addUsers } from '../../support/rows.js';
import { textSource } from '../../support/text-source.js';

describeOnEach('an import during deletions', kind => {
  /**
   * Imports three rows of two courses and two students while another transaction has deleted one row and not yet
   * committed; returns the outcome.
   */
  async function whileDeleting(
    what: 'core_course' | 'core_user',
  ): Promise<{ added: number; reasons: string[]; stored: number[][] }> {
    const { database, url, drop } = await freshDatabase(kind);
    const other = await openDatabase(url);
    const courses = await addCourses(database, [{}, {}]);
    const students = await addUsers(database, Role.STUDENT, 2);
    const deleting = other.em.fork();
    await deleting.begin();
    await deleting.execute(
      `delete from ${what} where id = ?`,
      [what === 'core_course' ? courses[1] : students[1]],
      'run',
    );
    const bad: BadRow[] = [];
    const text = `course,student\n${courses[0]},${students[0]}\n${courses[0]},${students[1]}\n${courses[1]},${students[0]}\n`;
    const importing = importEnrollments(database, textSource(text), { onBadRow: row => bad.push(row) });
    // SQLite's one writer waits for the other before it reads anything.
    if (kind !== 'sqlite') await untilLockWaits(database);
    await deleting.commit();
    const { added } = await importing;
    const counts = await storedAndActual(database);
    expect(counts.map(({ stored }) => stored)).toEqual(counts.map(({ actual }) => actual));
    await other.close(true);
    await drop();
    return {
      added,
      reasons: bad.map(({ line, code }) => `${line} ${code}`),
      stored: counts.map(({ stored }) => stored),
    };
  }

  it('an import leaves out rows whose course is being deleted, and goes on: UNKNOWN_COURSE', async () => {
    expect(await whileDeleting('core_course')).toEqual({ added: 2, reasons: ['4 UNKNOWN_COURSE'], stored: [[2, 2]] });
  });

  it('an import leaves out rows whose student is being deleted, and goes on: UNKNOWN_STUDENT', async () => {
    expect(await whileDeleting('core_user')).toEqual({
      added: 2,
      reasons: ['3 UNKNOWN_STUDENT'],
      stored: [
        [1, 1],
        [1, 1],
      ],
    });
  });
});
