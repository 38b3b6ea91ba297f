import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { RequiredEntityData } from '@mikro-orm/core';
import { operator } from '../../../src/access/viewer.js';
import { openDatabase } from '../../../src/database/database.js';
import { Course, Enrollment, Role, User } from '../../../src/entities/index.js';
import type { CountToRestore } from '../../../src/tools/backup/compare-backup.js';
import { checkBackup, MAX_COURSES_AT_ONCE, restoreCounts } from '../../../src/tools/backup/restore-counts.js';
import type { Source } from '../../../src/tools/import/source.js';
import { enroll } from '../../../src/use-cases/enrollments.js';
import { storedAndActual } from '../../support/api.js';
import { backupLines, backupText, fileWith, withClosingLine } from '../../support/backup-file.js';
import { startBreakingProxy } from '../../support/breaking-proxy.js';
import { describeOnEach, describeOnServers, freshDatabase, strategy } from '../../support/databases.js';
import { untilLockWaits } from '../../support/lock-waits.js';
import { addCountedCourses, bypassCounters } from '../../support/place-on.js';
import { addCourses, addUsers, allRows, expectExactCounts } from '../../support/rows.js';
import { statementsOf } from '../../support/statements.js';
import { numberKey } from '../../support/keys.js';

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
    expect(await restoreCounts(opened.database, operator, source)).toMatchObject({
      changes: 4,
      changedCourses: 2,
      drifting: 0,
    });
    expect(await stored()).toEqual([
      [3, 2],
      [3, 2],
      [3, 2],
    ]);
    expect(await restoreCounts(opened.database, operator, source)).toMatchObject({
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
    expect(await restoreCounts(opened.database, operator, source)).toMatchObject({
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
    expect(await restoreCounts(opened.database, operator, source)).toMatchObject({
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

  /** Adds courses that drift, and returns the lines of a backup in which their counts are right. */
  async function manyToRestore(count: number): Promise<{ lines: string[]; ids: number[] }> {
    const ids = await addCourses(
      opened.database,
      Array.from({ length: count }, () => ({})),
    );
    const lines = (await backupText(opened.database)).trimEnd().split('\n');
    await bypassCounters(opened.database, 'update core_course set total_enrollments = 7');
    return { lines, ids: [...courses, ...ids] };
  }

  const totals = async (): Promise<number[]> =>
    (
      await opened.database.em
        .fork()
        .execute<{ total: number }[]>('select total_enrollments as total from core_course order by id')
    ).map(({ total }) => total);

  /** Expects the counts of the file up to a course, and the former ones after it. */
  async function expectRestoredUpTo(ids: readonly number[], lastId: number): Promise<void> {
    const right = ids.map(id => (courses.includes(id) ? 3 : 0));
    expect(await totals()).toEqual(right.map((total, index) => (ids[index]! <= lastId ? total : 7)));
  }

  it('restoring a file that turns out bad in the middle changes nothing', async () => {
    const { lines } = await manyToRestore(600);
    const before = await allRows(opened.database);
    const damaged = await fileWith(`${lines.join('\n').replace(/(\d)\]\}(\n[^\n]*)$/, '8]}$2')}\n`);
    await expect(restoreCounts(opened.database, operator, damaged)).rejects.toThrow('its checksum does not fit');
    expect(await allRows(opened.database)).toEqual(before);
  });

  it('restoring that ends early leaves the counts of the file up to a course and the former ones after it, and finishes when it is done again', async () => {
    const { lines, ids } = await manyToRestore(600);
    const source = await fileWith(`${lines.join('\n')}\n`);
    const stop = new AbortController();
    const stopped = await restoreCounts(opened.database, operator, source, {
      signal: stop.signal,
      onRestored: () => stop.abort(),
    });
    expect(stopped.outcome).toBe('interrupted');
    expect([stopped.changes, stopped.done]).toEqual([stopped.changedCourses, stopped.changedCourses]);
    await expectRestoredUpTo(ids, numberKey(stopped.lastId!));

    const broken = new Error('The work ended here.');
    let reached = stopped;
    const failing = restoreCounts(opened.database, operator, source, {
      onRestored(soFar) {
        reached = soFar;
        throw broken;
      },
    });
    await expect(failing).rejects.toBe(broken);
    await expectRestoredUpTo(ids, numberKey(reached.lastId!));

    expect(await restoreCounts(opened.database, operator, source)).toEqual({
      outcome: 'finished',
      done: 603,
      changes: 603 - stopped.changes - reached.changes,
      changedCourses: 603 - stopped.changes - reached.changes,
      lastId: ids.at(-1),
      drifting: 0,
    });
    await expectRestoredUpTo(ids, ids.at(-1)!);
  });

  it('restoring says how far it came when the file is changed meanwhile', async () => {
    const { lines, ids } = await manyToRestore(600);
    const source = await fileWith(`${lines.join('\n')}\n`);
    const damaged = await fileWith(`${lines.slice(0, 550).join('\n')}\n`);
    let opens = 0;
    const changing = { ...source, open: () => ((opens += 1) <= 2 ? source : damaged).open() };
    let reached = 0;
    await expect(
      restoreCounts(opened.database, operator, changing, {
        onRestored: ({ lastId }) => (reached = numberKey(lastId!)),
      }),
    ).rejects.toThrow(/was changed while it was restored, up to course \d+\. Restore a whole copy of it/);
    await expectRestoredUpTo(ids, reached);
  });

  it('a transaction of a restore locks and changes a bounded number of courses, in ascending order, and only those that differ', async () => {
    const { lines, ids: courseIds } = await manyToRestore(1200);
    await bypassCounters(opened.database, `update core_course set total_enrollments = 0 where id = ${courseIds[100]}`);
    const source = await fileWith(`${lines.join('\n')}\n`);
    const statements = await statementsOf(opened.database, () => restoreCounts(opened.database, operator, source));
    // Each transaction first locks its courses by one statement; what is read before differs in nothing on SQLite.
    const transactions: { locked: number[]; changed: number[] }[] = [];
    for (const sql of statements) {
      const [, table, ids] = /^(?:select .* from|update) (core_course(?: as c)?) .*\bid in \((.*?)\)/.exec(sql) ?? [];
      if (table === undefined || sql.includes('count(')) continue;
      const named = ids!.split(', ').map(Number);
      if (table === 'core_course as c') transactions.push({ locked: named, changed: [] });
      else if (sql.startsWith('update')) transactions.at(-1)!.changed.push(...named);
    }
    const changing = transactions.filter(({ changed }) => changed.length > 0);
    for (const { locked, changed } of changing) expect(changed).toEqual(locked);
    expect(changing.flatMap(({ changed }) => changed)).toEqual(courseIds.filter((_, index) => index !== 100));
    const sizes = changing.map(({ changed }) => changed.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_COURSES_AT_ONCE);
  });

  it('writers go on while counts are restored, and what they do to restored courses is counted exactly', async () => {
    const { lines, ids } = await manyToRestore(600);
    const other = await openDatabase(opened.url, strategy);
    onTestFinished(() => other.close(true));
    const students = await addUsers(opened.database, Role.STUDENT, 20);
    const source = await fileWith(`${lines.join('\n')}\n`);
    const outcomes: ReturnType<typeof enroll>[] = [];
    const finishedAt: number[] = [];
    let transactions = 0;
    const restored = await restoreCounts(opened.database, operator, source, {
      onRestored() {
        transactions += 1;
        if (outcomes.length > 0) return;
        for (const studentId of students) {
          const outcome = enroll(other, operator, { courseId: courses[0]!, studentId });
          outcomes.push(outcome);
          void outcome.then(() => finishedAt.push(transactions));
        }
      },
    });
    for (const { problems } of await Promise.all(outcomes)) expect(problems).toEqual([]);
    expect(restored).toMatchObject({ outcome: 'finished', changes: 603 });
    // Not all of them waited for the end.
    expect(Math.min(...finishedAt)).toBeLessThan(transactions);
    const all = await storedAndActual(opened.database);
    expect(all.map(one => one.stored)).toEqual(all.map(({ actual }) => actual));
    expect(all[0]!.actual).toEqual([23, 22]);
    expect(all.map(({ id }) => id)).toEqual(ids);
  });

  it('writers and restores that meet in the same courses get no deadlock', async () => {
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
    for (const restored of await Promise.all(restoring)) expect(restored.outcome).toBe('finished');
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

describeOnServers('a restore beside other connections', kind => {
  let opened: Awaited<ReturnType<typeof freshDatabase>>;
  let courses: number[];
  let source: Source;

  beforeEach(async () => {
    opened = await freshDatabase(kind);
    ({ courses } = await addCountedCourses(opened.database, ['Optics', 'Logic', 'Topology']));
    source = await fileWith(await backupText(opened.database));
  });
  afterEach(() => opened.drop());

  const enrollOne = async (courseId: number): Promise<void> => {
    const [studentId] = await addUsers(opened.database, Role.STUDENT, 1);
    expect(await enroll(opened.database, operator, { courseId, studentId })).toMatchObject({ problems: [] });
  };

  it('a restore waits for a writer of a course, adds nothing to what it counts, and keeps no writer of other courses waiting', async () => {
    await bypassCounters(opened.database, `update core_course set total_enrollments = 9 where id <> ${courses[0]}`);
    const other = await openDatabase(opened.url, strategy);
    onTestFinished(() => other.close(true));
    const [studentId] = await addUsers(opened.database, Role.STUDENT, 1);
    let restoring!: ReturnType<typeof restoreCounts>;
    await opened.database.em.fork().transactional(async em => {
      await em.execute(`select id from core_course where id = ${courses[1]} for update`);
      restoring = restoreCounts(other, operator, source);
      await untilLockWaits(opened.database);
      // This course equals the file, so it is not even locked.
      await enrollOne(courses[0]!);
      em.create(Enrollment, {
        course: em.getReference(Course, courses[1]!),
        student: em.getReference(User, studentId!),
      } as RequiredEntityData<Enrollment>);
      await em.flush();
    });
    // The writer's enrollment came after the backup and before the restore of its course.
    expect(await restoring).toMatchObject({ outcome: 'finished', changedCourses: 2, drifting: 2 });
    expect(await storedAndActual(opened.database)).toEqual([
      { id: courses[0], stored: [4, 3], actual: [4, 3] },
      { id: courses[1], stored: [3, 2], actual: [4, 3] },
      { id: courses[2], stored: [3, 2], actual: [3, 2] },
    ]);
  });

  it.each(['before', 'after'] as const)(
    'a restore whose commit is not answered (%s the server has it) sets each course once, whatever writers do then',
    async moment => {
      await bypassCounters(opened.database, 'update core_course set total_enrollments = 9');
      const url = new URL(opened.url);
      const proxy = await startBreakingProxy(Number(url.port));
      url.port = String(proxy.port);
      const far = await openDatabase(url.href, strategy);
      onTestFinished(async () => {
        await far.close(true);
        await proxy.close();
      });
      const held = proxy.holdAtCommit(moment);
      const restoring = restoreCounts(far, operator, source);
      await held;
      if (moment === 'after') await enrollOne(courses[0]!);
      proxy.breakAll();
      expect(await restoring).toMatchObject({ outcome: 'finished', changes: 3, drifting: 0 });
      await expectExactCounts(opened.database);
    },
  );
});
