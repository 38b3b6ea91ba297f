import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { placeToRun, type Place } from '../support/command-line.js';

let place: Place;

beforeAll(async () => {
  place = placeToRun();
  // More than a pipe holds.
  await place.run(['seed', '--courses', '100', '--students', '500', '--enrollments', '5000']);
});
afterAll(() => place.leave());

it.each(['csv', 'jsonl'])('an export as %s whose reader leaves ends without a word', async format => {
  const { process: child, ended } = place.start(['export', 'enrollments', '--format', format]);
  await once(child.stdout!, 'data');
  child.stdout!.destroy();
  expect(await ended).toMatchObject({ code: 1, stderr: '' });
});

it('an export that is told to stop ends, and leaves no file', async () => {
  const { process: child, ended } = place.start(['export', 'enrollments']);
  // What it writes then fills the pipe, so that it cannot end by itself.
  child.stdout!.pause();
  await once(child.stdout!, 'readable');
  child.kill('SIGTERM');
  child.stdout!.resume();
  expect(await ended).toMatchObject({ code: 1, stderr: 'Stopping.\n' });
  expect(readdirSync(place.folder)).toEqual(['data']);
});
