import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { placeToRun } from '../support/command-line.js';
import { describeOnEach } from '../support/databases.js';
import { addCountedCourses, bypassCounters, placeOn, type PlaceOn } from '../support/place-on.js';
import { allRows } from '../support/rows.js';

describeOnEach('verify', kind => {
  let place: PlaceOn;
  let courses: number[];

  beforeEach(async () => {
    place = await placeOn(kind);
    ({ courses } = await addCountedCourses(place.database, [
      'Optics',
      'A course whose title is far too long for a table',
      'Bell\u0007 and\nbreak',
    ]));
  });
  afterEach(() => place.leave());

  const drift = (): Promise<void> =>
    bypassCounters(place.database, `update core_course set total_enrollments = 9 where id >= ${courses[1]}`);
  const id = (index: number): string => String(courses[index]).padStart(8);

  it('verify says that all counts match: exit code 0', async () => {
    expect(await place.run(['verify'])).toEqual({
      code: 0,
      stdout: 'Verified 3 courses: all counts match.\n',
      stderr: '',
    });
  });

  it('verify lists the counts that do not match, changes nothing, and names the remedy: exit code 3', async () => {
    await drift();
    const before = await allRows(place.database);
    const stdout = [
      '      id  title                                 counter                     stored    actual  result',
      `${id(1)}  A course whose title is far too lon…  Course.totalEnrollments          9         3  MISMATCH`,
      `${id(2)}  Bell� and�break                       Course.totalEnrollments          9         3  MISMATCH`,
      '',
      'Verified 3 courses: 2 counts of 2 courses do not match. Repair with: rollcall recount',
      '',
    ].join('\n');
    for (const parameters of [[], ['--batch-size', '1'], ['--batch-size', '2']])
      expect(await place.run(['verify', ...parameters])).toEqual({ code: 3, stdout, stderr: '' });
    expect(await allRows(place.database)).toEqual(before);
  });

  it('verify lists all counts of the named courses', async () => {
    await drift();
    const stdout = [
      '      id  title                                 counter                     stored    actual  result',
      `${id(0)}  Optics                                Course.totalEnrollments          3         3  MATCH`,
      `${id(0)}  Optics                                Course.activeEnrollments         2         2  MATCH`,
      '',
      'Verified 1 course: all counts match.',
      '',
    ].join('\n');
    expect(await place.run(['verify', '--all', '--course-id', String(courses[0])])).toEqual({
      code: 0,
      stdout,
      stderr: '',
    });
  });

  it('verify names missing courses, and verifies the others: exit code 1', async () => {
    await drift();
    const ended = await place.run([
      'verify',
      '--course-id',
      '77777',
      '--course-id',
      String(courses[2]),
      '--course-id',
      '88888',
    ]);
    expect(ended).toEqual({
      code: 1,
      stdout: expect.stringContaining('Verified 1 course: 1 count of 1 course does not match.'),
      stderr: 'Course 77777 does not exist.\nCourse 88888 does not exist.\n',
    });
  });

  it('verify prints JSON lines, the last with the summary', async () => {
    await drift();
    const ended = await place.run(['verify', '--json', '--course-id', String(courses[2]), '--course-id', '77777']);
    expect(
      ended.stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line) as unknown),
    ).toEqual([
      {
        courseId: courses[2],
        title: 'Bell\u0007 and\nbreak',
        counter: 'Course.totalEnrollments',
        stored: 9,
        actual: 3,
        drift: 6,
        result: 'MISMATCH',
      },
      {
        summary: {
          courses: 1,
          checked: 1,
          mismatches: 1,
          mismatchingCourses: 1,
          interrupted: false,
          problems: ['Course 77777 does not exist.'],
        },
      },
    ]);
    expect(ended.code).toBe(1);
    const all = (await place.run(['verify', '--json', '--all'])).stdout
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { result?: string }).result);
    expect(all).toEqual(['MATCH', 'MATCH', 'MISMATCH', 'MATCH', 'MISMATCH', 'MATCH', undefined]);
  });

  it('verify says what to do where the migrations are not applied', async () => {
    await place.database.migrator.down({ to: 0 });
    expect(await place.run(['verify'])).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^The database lacks something that this version needs: .*core_course.* Apply the migrations with "rollcall migrate up"\.\n$/,
      ),
    });
  });
});

describeOnEach('verify without a database', kind => {
  it('verify says that there is no database, and makes none', async () => {
    const place = await placeOn(kind);
    onTestFinished(() => place.leave());
    const url = `${place.databaseUrl}_is_not_there`;
    for (const _ of [1, 2])
      expect(await place.run(['verify'], { DATABASE_URL: url })).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/no (such )?database.*"rollcall migrate up"/),
      });
  });
});

describe('verify with a closed output or a missing file', () => {
  it('verify ends silently when its reader stops reading, as with "| head"', async () => {
    const place = placeToRun();
    onTestFinished(() => place.leave());
    await place.run(['seed', '--courses', '3000', '--students', '10', '--enrollments', '0']);
    const command = place.start(['verify', '--all', '--batch-size', '10']);
    command.process.stdout!.once('data', () => command.process.stdout!.destroy());
    expect(await command.ended).toMatchObject({ code: 1, stderr: '' });
  });

  it('verify leaves no folder behind for a missing database file', async () => {
    const place = placeToRun();
    onTestFinished(() => place.leave());
    expect(await place.run(['verify'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no database file'),
    });
    expect(existsSync(join(place.folder, 'data'))).toBe(false);
  });
});
