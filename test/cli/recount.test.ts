import { userInfo } from 'node:os';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { storedAndActual } from '../support/api.js';
import { describeOnEach } from '../support/databases.js';
import { addCountedCourses, bypassCounters, placeOn, type PlaceOn } from '../support/place-on.js';
import { allRows } from '../support/rows.js';

const slowly = ['recount', '--batch-size', '1', '--throttle', '60000'];

describeOnEach('recount', kind => {
  let place: PlaceOn;
  let courses: number[];

  beforeEach(async () => {
    place = await placeOn(kind);
    ({ courses } = await addCountedCourses(place.database, [
      'Introduction to Python',
      'Bell\u0007 and\nbreak',
      'Optics',
    ]));
    await bypassCounters(place.database, `update core_course set total_enrollments = 9 where id <= ${courses[1]}`);
    await bypassCounters(place.database, `update core_course set active_enrollments = 0 where id = ${courses[2]}`);
  });
  afterEach(() => place.leave());

  const updates = (verb: string): string[] => [
    `${verb} course "Introduction to Python" (ID: ${courses[0]}) - total_enrollments: 3\n`,
    `${verb} course "Bell� and�break" (ID: ${courses[1]}) - total_enrollments: 3\n`,
    `${verb} course "Optics" (ID: ${courses[2]}) - active_enrollments: 2\n`,
  ];
  const expectExact = async (): Promise<void> => {
    for (const { stored, actual } of await storedAndActual(place.database)) expect(stored).toEqual(actual);
  };

  it('recount reports each change, under its old name too, and a second one finds nothing to do', async () => {
    const stdout = `${updates('Updated').join('')}Completed! Updated 3 course(s) out of 3 total courses.\n`;
    expect(await place.run(['update-total-enrollments'])).toEqual({ code: 0, stdout, stderr: '' });
    await expectExact();
    expect(await place.run(['recount'])).toEqual({
      code: 0,
      stdout: 'Completed! Updated 0 course(s) out of 3 total courses.\n',
      stderr: '',
    });
  });

  it('recount of named courses leaves the others alone', async () => {
    const stdout = `${updates('Updated').slice(1).join('')}Completed! Updated 2 course(s) out of 2 total courses.\n`;
    const [untouched] = await storedAndActual(place.database);
    expect(await place.run(['recount', '--course-id', `${courses[2]}`, '--course-id', `${courses[1]}`])).toEqual({
      code: 0,
      stdout,
      stderr: '',
    });
    expect((await storedAndActual(place.database))[0]).toEqual(untouched);
  });

  it('recount as a dry run reports what it would change and changes no count: exit code 3', async () => {
    const before = await storedAndActual(place.database);
    const stdout = `${updates('Would update').join('')}Completed! Would update 3 course(s) out of 3 total courses.\n`;
    expect(await place.run(['recount', '--dry-run'])).toEqual({ code: 3, stdout, stderr: '' });
    expect(await storedAndActual(place.database)).toEqual(before);
  });

  it('recount prints JSON lines: each change, then the run', async () => {
    const { code, stdout } = await place.run(['recount', '--json']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(0);
    expect(lines.slice(0, 3)).toEqual([
      {
        courseId: courses[0],
        title: 'Introduction to Python',
        counter: 'Course.totalEnrollments',
        before: 9,
        after: 3,
      },
      { courseId: courses[1], title: 'Bell\u0007 and\nbreak', counter: 'Course.totalEnrollments', before: 9, after: 3 },
      { courseId: courses[2], title: 'Optics', counter: 'Course.activeEnrollments', before: 0, after: 2 },
    ]);
    expect(lines.slice(3)).toEqual([
      {
        run: expect.objectContaining({
          status: 'succeeded',
          total: 3,
          repaired: 3,
          startedBy: `command recount, user ${userInfo().username}`,
        }),
      },
    ]);
  });

  it('recount of a missing course is rejected, and nothing is changed', async () => {
    const before = await allRows(place.database);
    expect(await place.run(['recount', '--course-id', `${courses[0]}`, '--course-id', '4000000'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Course 4000000 does not exist.\n',
    });
    expect(await allRows(place.database)).toEqual(before);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'recount is paused by %s after the current chunk, and goes on from there',
    async signal => {
      const recount = place.start(slowly);
      const [first, ...others] = updates('Updated');
      await recount.says(first!);
      recount.process.kill(signal);
      expect(await recount.ended).toEqual({
        code: 1,
        stdout: `${first}Run 1 is paused after 1 of 3 courses. Continue it with "rollcall runs resume 1".\n`,
        stderr: 'Pausing run 1 after this chunk; a second signal stops at once.\n',
      });
      await bypassCounters(place.database, 'update core_recount_runs set throttle = 0');
      expect(await place.run(['runs', 'resume', '1'])).toEqual({
        code: 0,
        stdout: `${others.join('')}Completed! Updated 3 course(s) out of 3 total courses.\n`,
        stderr: '',
      });
      await expectExact();
    },
  );

  it('recount can take over one that was killed, and repairs nothing twice', async () => {
    const recount = place.start(slowly);
    const [first, ...others] = updates('Updated');
    await recount.says(first!);
    recount.process.kill('SIGKILL');
    await recount.ended;
    // Until its lease expires nobody can know that it is dead, but somebody who knows may say so.
    expect(await place.run(['runs', 'resume', '1'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Run 1 is being worked on by .* Pause it first/),
    });
    expect(await place.run(['runs', 'pause', '1'])).toEqual({
      code: 0,
      stdout: 'Run 1 is paused. Continue it with "rollcall runs resume 1".\n',
      stderr: '',
    });
    await bypassCounters(place.database, 'update core_recount_runs set throttle = 0');
    expect(await place.run(['runs', 'resume', '1'])).toMatchObject({
      code: 0,
      stdout: `${others.join('')}Completed! Updated 3 course(s) out of 3 total courses.\n`,
    });
    expect((await place.run(['runs', 'show', '1'])).stdout.match(/ Course\./g)).toHaveLength(3);
    await expectExact();
  });

  it('recount beside another of the same courses is rejected and names it, and the other can be cancelled from anywhere', async () => {
    const first = place.start(slowly);
    await first.says('Updated');
    expect(await place.run(['recount', '--course-id', `${courses[2]}`])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^Run 1, started by command recount, user .*, is at work on all courses/),
    });
    expect(await place.run(['runs', 'cancel', '1'])).toEqual({
      code: 0,
      stdout: 'Run 1 is cancelled; its changes stay. Undo them with "rollcall runs undo 1".\n',
      stderr: '',
    });
    first.process.kill('SIGINT');
    expect(await first.ended).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('Run 1 was cancelled after 1 of 3 courses; its changes stay.'),
    });
    expect(await place.run(['recount'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Updated 2 course(s) out of 3'),
    });
    await expectExact();
  });
});
