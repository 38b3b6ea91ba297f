import { afterAll, beforeAll, expect, it } from 'vitest';
import { placeToRun, type Place } from '../support/command-line.js';

/** Tells, at the end of a process, whether it has used the texts of `Intl`, and whether it has loaded `fetch`. */
const TELL = `data:text/javascript,${encodeURIComponent(`
  let used = '';
  for (const name of ['ListFormat', 'NumberFormat', 'PluralRules']) {
    const Original = Intl[name];
    Intl[name] = new Proxy(Original, { construct(...given) { used += name + ' '; return Reflect.construct(...given); } });
  }
  const { toLocaleString } = Number.prototype;
  Number.prototype.toLocaleString = function (...given) { used += 'toLocaleString '; return toLocaleString.apply(this, given); };
  process.on('exit', () => {
    const hasFetch = process.moduleLoadList.includes('NativeModule internal/deps/undici/undici');
    console.error('Intl: ' + used + '; fetch: ' + hasFetch);
  });
`)}`;

let place: Place;

beforeAll(async () => {
  place = placeToRun();
  await place.run(['migrate', 'up']);
});
afterAll(() => place.leave());

it('a verify neither uses Intl nor loads fetch', async () => {
  const { code, stdout, stderr } = await place.start(['verify'], { NODE_OPTIONS: `--import=${TELL}` }).ended;
  expect([code, stdout, stderr]).toEqual([0, expect.stringContaining('0 courses'), 'Intl: ; fetch: false\n']);
});

it('a server starts without fetch', async () => {
  const server = place.start(['serve'], { NODE_OPTIONS: `--import=${TELL}` });
  await server.says('Ctrl+C stops the server.');
  server.process.kill('SIGTERM');
  expect((await server.ended).stderr).toContain('fetch: false');
});
