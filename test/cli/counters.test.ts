import { expect, it } from 'vitest';
import { placeToRun } from '../support/command-line.js';

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
