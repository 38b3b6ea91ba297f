import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { operator } from '../../../src/access/viewer.js';
import { openDatabase } from '../../../src/database/database.js';
import { Role } from '../../../src/entities/index.js';
import { writeBackup } from '../../../src/tools/backup/write-backup.js';
import { enroll } from '../../../src/use-cases/enrollments.js';
import { backupLines, withClosingLine, valuesOf } from '../../support/backup-file.js';
import { describeOnEach, strategy, useDatabase } from '../../support/databases.js';
import { addCountedCourses } from '../../support/place-on.js';
import { addCourses, addUsers } from '../../support/rows.js';

describeOnEach('backing up the counts', kind => {
  const opened = useDatabase(kind);

  beforeEach(async () => {});

  it('a backup has a header, the counts of each course, and a closing line with the checksum of what is before it', async () => {
    const { courses } = await addCountedCourses(opened.database, ['Optics', 'Logic']);
    const lines = await backupLines(opened.database);
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string;
    expect(lines.slice(0, -1)).toEqual([
      {
        format: 'rollcall-counts',
        version: 1,
        at,
        database: kind,
        counters: ['Course.totalEnrollments', 'Course.activeEnrollments'],
        courses: 2,
      },
      { id: courses[0], counts: [3, 2] },
      { id: courses[1], counts: [3, 2] },
    ]);
    expect(lines).toEqual(valuesOf(withClosingLine(lines.slice(0, -1))));
  });

  it('a backup of a database without courses has a header and a closing line', async () => {
    expect(await backupLines(opened.database)).toMatchObject([{ courses: 0 }, { courses: 0 }]);
  });

  it('a backup has the counts of one moment, however long it takes, and lets writers go on', async () => {
    const other = await openDatabase(opened.url, strategy);
    onTestFinished(() => other.close(true));
    const courses = await addCourses(
      opened.database,
      Array.from({ length: 1010 }, () => ({})),
    );
    const [student] = await addUsers(opened.database, Role.STUDENT, 1);
    let text = '';
    await writeBackup(opened.database, operator, async piece => {
      text += piece;
      if (!piece.includes(`"id":${courses[0]},`)) return;
      // Between the first page and the second: a course of each changes, one is created, and one is deleted.
      for (const courseId of [courses[0]!, courses[1005]!])
        expect(await enroll(other, operator, { courseId, studentId: student })).toMatchObject({ problems: [] });
      await addCourses(other, [{}]);
      await other.em.getConnection().execute(`delete from core_course where id = ${courses[1008]}`, [], 'run');
    });
    expect(valuesOf(text).slice(1, -1)).toEqual(courses.map(id => ({ id, counts: [0, 0] })));
    expect((await backupLines(opened.database))[1]).toEqual({ id: courses[0], counts: [1, 1] });
  });

  it('a backup ends when it is told to, without a closing line, and only admins make one', async () => {
    await addCountedCourses(opened.database, ['Optics']);
    let text = '';
    expect(
      await writeBackup(opened.database, operator, piece => Promise.resolve(void (text += piece)), {
        signal: AbortSignal.abort(),
      }),
    ).toBeNull();
    expect(text).not.toContain('sha256');
    await expect(
      writeBackup(opened.database, { userId: 1, role: Role.TEACHER }, () => Promise.resolve()),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
