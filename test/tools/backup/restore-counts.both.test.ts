import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import { openDatabase } from '../../../src/database/database.js';
import { Role } from '../../../src/entities/index.js';
import type { CountToRestore } from '../../../src/tools/backup/compare-backup.js';
import { checkBackup, restoreCounts } from '../../../src/tools/backup/restore-counts.js';
import { enroll } from '../../../src/use-cases/enrollments.js';
import { storedAndActual } from '../../support/api.js';
import { backupLines, backupText, fileWith, withClosingLine } from '../../support/backup-file.js';
import { describeOnEach, freshDatabase, strategy } from '../../support/databases.js';
import { addCountedCourses, bypassCounters } from '../../support/place-on.js';
import { addCourses, addUsers, allRows } from '../../support/rows.js';

describeOnEach('restoring the counts', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let courses: number[];
  let text: string;

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ courses } = await addCountedCourses(opened.database, ['Optics', 'Logic', 'Topology']));
    text = await backupText(opened.database);
  });
  afterEach(() => opened.drop());

  const stored = async (): Promise<number[][]> => (await storedAndActual(opened.database)).map(one => one.stored);
  const enrollAnother = async (courseId: number): Promise<void> => {
    const [student] = await addUsers(opened.database, Role.STUDENT, 1);
    expect(await enroll(opened.database, operator, { courseId, studentId: student })).toMatchObject({ problems: [] });
  };

  it('restoring sets the counts that differ to those of the backup, and says that they match', async () => {
    await bypassCounters(
      opened.database,
      `update core_course set total_enrollments = 0, active_enrollments = 44 where id >= ${courses[1]}`,
    );
    const source = await fileWith(text);
    const changes: CountToRestore[] = [];
    const { header, comparison } = await checkBackup(
      opened.database,
      operator,
      source,
      some => void changes.push(...some),
    );
    const none = { count: 0, first: [] };
    expect(comparison).toEqual({ common: 3, changes: 4, changedCourses: 2, drifting: 0, unknown: none, missing: none });
    expect(header).toMatchObject({ courses: 3, database: kind });
    expect(changes.slice(0, 2)).toEqual([
      { courseId: courses[1], title: 'Logic', counter: 'Course.totalEnrollments', stored: 0, backup: 3, actual: 3 },
      { courseId: courses[1], title: 'Logic', counter: 'Course.activeEnrollments', stored: 44, backup: 2, actual: 2 },
    ]);
    expect(await stored()).toEqual([
      [3, 2],
      [0, 44],
      [0, 44],
    ]);
    expect(await restoreCounts(opened.database, operator, source)).toEqual({
      changes: 4,
      changedCourses: 2,
      drifting: 0,
    });
    expect(await stored()).toEqual([
      [3, 2],
      [3, 2],
      [3, 2],
    ]);
    expect(await restoreCounts(opened.database, operator, source)).toEqual({
      changes: 0,
      changedCourses: 0,
      drifting: 0,
    });
  });

  it('restoring restores old numbers where enrollments changed since, and counts what does not match them', async () => {
    await enrollAnother(courses[2]!);
    const source = await fileWith(text);
    expect((await checkBackup(opened.database, operator, source, () => undefined)).comparison).toMatchObject({
      changes: 2,
      drifting: 2,
    });
    expect(await restoreCounts(opened.database, operator, source)).toEqual({
      changes: 2,
      changedCourses: 1,
      drifting: 2,
    });
    expect((await storedAndActual(opened.database))[2]).toEqual({ id: courses[2], stored: [3, 2], actual: [4, 3] });
    // Hooks and triggers go on from the restored number.
    await enrollAnother(courses[2]!);
    expect((await storedAndActual(opened.database))[2]).toEqual({ id: courses[2], stored: [4, 3], actual: [5, 4] });
  });

  it('restoring leaves out deleted courses, and leaves newer ones alone', async () => {
    const [gone] = await addCourses(opened.database, [{}]);
    const source = await fileWith(await backupText(opened.database));
    await bypassCounters(opened.database, `delete from core_course where id = ${gone}`);
    const since = await addCourses(
      opened.database,
      Array.from({ length: 12 }, () => ({})),
    );
    await bypassCounters(opened.database, `update core_course set total_enrollments = 5 where id > ${courses[1]}`);
    const { comparison } = await checkBackup(opened.database, operator, source, () => undefined);
    expect(comparison).toMatchObject({
      common: 3,
      changes: 1,
      unknown: { count: 1, first: [gone] },
      missing: { count: 12, first: since.slice(0, 10) },
    });
    expect(await restoreCounts(opened.database, operator, source)).toEqual({
      changes: 1,
      changedCourses: 1,
      drifting: 0,
    });
    expect(await stored()).toEqual([[3, 2], [3, 2], [3, 2], ...since.map(() => [5, 0])]);
  });

  it('restoring reads counters in the order of the file', async () => {
    const [head, ...rows] = (await backupLines(opened.database)).slice(0, -1);
    const turned = withClosingLine([
      { ...head, counters: [...(head!['counters'] as string[])].toReversed() },
      ...rows.map(row => ({ ...row, counts: [...(row['counts'] as number[])].toReversed() })),
    ]);
    expect(await restoreCounts(opened.database, operator, await fileWith(turned))).toMatchObject({ changes: 0 });
  });

  it('restoring a file that turns out bad in the middle changes nothing, nor when it gives up', async () => {
    await addCourses(
      opened.database,
      Array.from({ length: 600 }, () => ({})),
    );
    const lines = (await backupText(opened.database)).trimEnd().split('\n');
    await bypassCounters(opened.database, 'update core_course set total_enrollments = 7');
    const before = await allRows(opened.database);
    const damaged = await fileWith(`${lines.join('\n').replace(/(\d)\]\}(\n[^\n]*)$/, '8]}$2')}\n`);
    await expect(restoreCounts(opened.database, operator, damaged)).rejects.toThrow('its checksum does not fit');
    const stop = new AbortController();
    const whole = await fileWith(`${lines.join('\n')}\n`);
    expect(
      await restoreCounts(opened.database, operator, whole, { signal: stop.signal, onProgress: () => stop.abort() }),
    ).toBeNull();
    expect(await allRows(opened.database)).toEqual(before);
    expect(await restoreCounts(opened.database, operator, whole)).toMatchObject({ changes: 603, drifting: 0 });
  });

  it('restoring blocks other writers meanwhile, and none of them gets a deadlock', async () => {
    const other = await openDatabase(opened.url, strategy);
    onTestFinished(() => other.close(true));
    const students = await addUsers(opened.database, Role.STUDENT, 20);
    await bypassCounters(opened.database, 'update core_course set total_enrollments = 7');
    const source = await fileWith(text);
    const enrolling = students.map((studentId, index) =>
      enroll(other, operator, { courseId: courses[index % 3]!, studentId }),
    );
    const restoring = Array.from({ length: 5 }, () => restoreCounts(opened.database, operator, source));
    for (const outcome of await Promise.all(enrolling)) expect(outcome.problems).toEqual([]);
    for (const restored of await Promise.all(restoring)) expect(restored).not.toBeNull();
    expect((await storedAndActual(opened.database)).map(({ actual }) => actual[0])).toEqual([10, 10, 9]);
  });

  it('only admins restore', async () => {
    await expect(restoreCounts(opened.database, null, await fileWith(text))).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    await expect(
      checkBackup(opened.database, { userId: 1, role: Role.STUDENT }, await fileWith(text), () => undefined),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
