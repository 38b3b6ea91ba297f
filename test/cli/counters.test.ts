import { expect, it, onTestFinished } from 'vitest';
import { placeToRun } from '../support/command-line.js';
import { describeOnServers, freshUrl } from '../support/databases.js';
import { DjangoApp } from '../support/django-app.js';

it('counters use and counters status switch to triggers and back, and report what does not agree', async () => {
  const place = placeToRun();
  const name = 'counters_core_enrollments_course_id_after_insert';
  await place.run(['migrate', 'up']);
  expect(await place.run(['counters', 'status'])).toEqual({
    code: 0,
    stdout: 'configured   hooks\ndatabase     hooks (no triggers)\nThey agree.\n',
    stderr: '',
  });
  expect(await place.run(['counters', 'use', 'triggers'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`Installed ${name}.\n`),
  });
  expect(await place.run(['counters', 'use', 'triggers'])).toMatchObject({
    code: 0,
    stdout: 'There was nothing to do.\n',
  });
  expect(await place.run(['counters', 'status'])).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('database     triggers\n'),
  });
  expect(await place.run(['counters', 'status'], { COUNTERS: 'switching' })).toMatchObject({ code: 0 });
  expect(await place.run(['counters', 'status'], { COUNTERS: 'triggers' })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('They agree.'),
  });
  expect(await place.run(['counters', 'use', 'hooks'])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`Dropped ${name}.\n`),
  });
  expect(await place.run(['counters', 'status'], { COUNTERS: 'triggers' })).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(`missing      ${name}\n`),
  });
  place.leave();
});

it('a server rejects both strategies at once at its start, and installs triggers where they are to count', async () => {
  const place = placeToRun();
  expect(
    await place.run(['seed', '--courses', '2', '--students', '3', '--enrollments', '4'], { COUNTERS: 'triggers' }),
  ).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Installed the trigger counters_core_enrollments_course_id_after_insert.'),
  });
  expect(await place.run(['serve'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/keeps the counters with triggers .* Set COUNTERS=triggers, or go back to hooks/),
  });
  const server = place.start(['serve'], { COUNTERS: 'triggers' });
  await server.says('Ctrl+C stops the server.');
  server.process.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0 });
  place.leave();
});

it('a guard needs triggers, and a database whose sessions have variables', async () => {
  const place = placeToRun();
  await place.run(['migrate', 'up']);
  expect(await place.run(['counters', 'use', 'hooks', '--guard'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--guard needs triggers'),
  });
  expect(await place.run(['counters', 'use', 'triggers', '--guard'])).toEqual({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('SQLite cannot guard stored counts'),
  });
  expect(await place.run(['counters', 'status'])).toMatchObject({ stdout: expect.stringContaining('(no triggers)') });
  place.leave();
});

describeOnServers(
  'the commands beside a guard',
  kind => {
    it('counters use installs and removes a guard, beside which a server starts, and recounts, undoing and restoring work', async () => {
      const place = placeToRun();
      const { url, drop } = freshUrl(kind);
      const env = { DATABASE_URL: url, COUNTERS: 'triggers' };
      const run = async (code: number, ...parameters: string[]): Promise<string> => {
        const ended = await place.run(parameters, env);
        const printed = `${ended.stdout}${ended.stderr}`;
        expect([parameters, ended.code, printed]).toEqual([parameters, code, printed]);
        return printed;
      };
      await run(0, 'seed', '--courses', '3', '--students', '4', '--enrollments', '6');
      const app = await DjangoApp.connect(url);
      onTestFinished(async () => {
        await app.end();
        await drop();
        place.leave();
      });
      const assign = (): Promise<void> => app.run('update core_course set total_enrollments = total_enrollments + 9');

      await run(0, 'backup', 'counts.jsonl');
      await assign();
      const guard = 'counters_core_enrollments_guard_core_course_before_update';
      const installed = await run(0, 'counters', 'use', 'triggers', '--guard');
      expect(installed).toContain(`Installed ${guard}.\n`);
      expect(installed).toContain('What other programs assign to the stored counts is ignored, without an error.');
      expect(await run(0, 'counters', 'status')).toContain(
        'database     triggers with a guard: what other programs assign to the counts is ignored\n',
      );
      expect(await run(3, 'verify')).toContain('3 counts of 3 courses do not match');
      await assign();
      expect(await run(0, 'recount')).toContain('Updated 3 course(s) out of 3 total courses.');
      expect(await run(0, 'runs', 'undo', '1')).toContain('Undid course');
      await run(3, 'verify');
      expect(await run(0, 'restore', 'counts.jsonl')).toContain('Restored 3 counts');
      await assign();
      expect(await run(0, 'verify')).toContain('all counts match');
      const doctor = await run(0, 'doctor');
      expect(doctor).toContain('COUNTERS=triggers; the database has triggers with a guard');

      const removed = await run(0, 'counters', 'use', 'triggers');
      expect(removed).toContain(`Dropped ${guard}.\n`);
      await assign();
      await run(3, 'verify');
      await run(0, 'counters', 'use', 'triggers', '--guard');
      expect(await run(0, 'counters', 'use', 'hooks')).toContain(`Dropped ${guard}.\n`);
      expect(await run(0, 'recount')).toContain('Updated 3 course(s)');
    });
  },
  ['mysql', 'postgresql'],
);
