import { afterEach, beforeEach, expect, it } from 'vitest';
import { storedAndActual } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCountedCourses, bypassCounters, placeOn, type PlaceOn } from '../support/place-on.js';

describeOnEach('runs', kind => {
  let place: PlaceOn;
  let courses: number[];

  beforeEach(async () => {
    place = await placeOn(kind);
    ({ courses } = await addCountedCourses(place.database, ['Optics', 'Python']));
  });
  afterEach(() => place.leave());

  const broken = (): Promise<void> => bypassCounters(place.database, 'update core_course set total_enrollments = 9');

  it('runs lists nothing at first', async () => {
    expect(await place.run(['runs', 'list'])).toEqual({
      code: 0,
      stdout: 'There are no runs yet. "rollcall recount" starts one.\n',
      stderr: '',
    });
    expect(await place.run(['runs', 'list', '--json'])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await place.run(['runs', 'show', '1'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Run 1 does not exist. "rollcall runs list" lists all runs.\n',
    });
    for (const what of ['pause', 'resume', 'cancel', 'undo'])
      expect(await place.run(['runs', what, '1'])).toEqual({ code: 1, stdout: '', stderr: 'Run 1 does not exist.\n' });
  });

  it('runs undo takes a run back change by change, once, and the counts can be recounted again', async () => {
    await broken();
    const before = await storedAndActual(place.database);
    await place.run(['recount']);
    const took = courses
      .map((id, index) => `Undid course "${['Optics', 'Python'][index]}" (ID: ${id}) - total_enrollments: 9\n`)
      .join('');
    expect(await place.run(['runs', 'undo', '1'])).toEqual({
      code: 0,
      stdout: `${took}Completed! Undid 2 change(s) of run 1.\n`,
      stderr: '',
    });
    expect(await storedAndActual(place.database)).toEqual(before);
    expect(await place.run(['runs', 'undo', '1'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Run 1 was undone already, by run 2.\n',
    });
    expect(await place.run(['recount'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Updated 2 course(s) out of 2'),
    });
  });

  it('runs are listed newest first, as many as requested, and shown with their changes', async () => {
    await broken();
    for (const command of [['recount', '--dry-run'], ['recount'], ['runs', 'undo', '2']]) await place.run(command);
    const { stdout } = await place.run(['runs', 'list']);
    expect(stdout.split('\n').map(line => line.trim().split(/\s+/).slice(0, 3).join(' '))).toEqual([
      'id kind status',
      '3 undo SUCCEEDED',
      '2 recount SUCCEEDED',
      '1 recount SUCCEEDED',
      '',
    ]);
    const listed = await place.run(['runs', 'list', '--json', '--limit', '2']);
    expect(
      listed.stdout
        .trimEnd()
        .split('\n')
        .map(line => (JSON.parse(line) as { id: number }).id),
    ).toEqual([3, 2]);
    const shown = await place.run(['runs', 'show', '2']);
    expect(shown.stdout).toMatch(
      /^run {11}2, recount\nstatus {8}SUCCEEDED\ncourses {7}all\nstarted {7}.* by command recount, user /,
    );
    expect(shown.stdout).toContain(
      `${String(courses[1]).padStart(8)}  Python                                Course.totalEnrollments          9         3\n`,
    );
    const [run, ...changes] = (await place.run(['runs', 'show', '2', '--json'])).stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as object);
    expect(run).toEqual({ run: expect.objectContaining({ id: 2, repaired: 2 }) });
    expect(changes).toMatchObject(courses.map(courseId => ({ courseId, before: 9, after: 3 })));
  });

  it('runs whose process has been silent for longer than its lease are shown as interrupted, and resumed', async () => {
    await broken();
    await place.run(['recount']);
    await bypassCounters(
      place.database,
      "update core_recount_runs set status = 'running', finished_at = null, lease_expires_at = started_at",
    );
    expect((await place.run(['runs', 'show', '1'])).stdout).toMatch(
      /status {8}interrupted\n[^]*Run 1 failed after 2 of 2 courses: The process that worked on it, .* Resume run 1 to continue where it stopped\.\n/,
    );
    expect(await place.run(['runs', 'resume', '1'])).toMatchObject({
      code: 0,
      stdout: 'Completed! Updated 2 course(s) out of 2 total courses.\n',
    });
  });

  it('finished runs can be neither paused nor resumed nor cancelled', async () => {
    await place.run(['recount']);
    for (const what of ['pause', 'resume', 'cancel'])
      expect(await place.run(['runs', what, '1'])).toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^Run 1 (is|has finished: it is) SUCCEEDED/),
      });
    expect(await place.run(['runs', 'undo', '1'])).toMatchObject({
      code: 1,
      stderr: 'Run 1 changed nothing, so there is nothing to undo.\n',
    });
  });

  it('runs show a course that has been deleted since', async () => {
    await broken();
    await place.run(['recount']);
    await bypassCounters(place.database, `delete from core_enrollments where course_id = ${courses[0]}`);
    await bypassCounters(place.database, `delete from core_course where id = ${courses[0]}`);
    expect((await place.run(['runs', 'show', '1'])).stdout).toContain('(deleted)');
  });
});
