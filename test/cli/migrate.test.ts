import { expect, it } from 'vitest';
import { migrationsFor } from '../../src/migrations/index.js';
import { placeToRun } from '../support/command-line.js';

it('migrations are listed, applied and undone, each said by its name', async () => {
  const place = placeToRun();
  const names = migrationsFor('sqlite').map(({ name }) => name);
  const lines = (state: string): string => names.map(name => `${state}  ${name}\n`).join('');
  expect(await place.run(['migrate', 'status'])).toEqual({ code: 0, stdout: lines('pending'), stderr: '' });
  expect(await place.run(['migrate', 'up'])).toEqual({ code: 0, stdout: names.map(name => `Applied ${name}.\n`).join(''), stderr: '' });
  expect(await place.run(['migrate', 'up'])).toEqual({ code: 0, stdout: 'Nothing is pending.\n', stderr: '' });
  expect(await place.run(['migrate', 'status'])).toMatchObject({ stdout: lines('applied') });
  for (const name of [...names].reverse()) expect(await place.run(['migrate', 'down'])).toEqual({ code: 0, stdout: `Undid ${name}.\n`, stderr: '' });
  expect(await place.run(['migrate', 'down'])).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing to undo') });
  expect(await place.run(['migrate', 'status'])).toMatchObject({ stdout: lines('pending') });
  place.leave();
});
