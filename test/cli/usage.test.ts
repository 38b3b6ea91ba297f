import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { placeToRun } from '../support/command-line.js';

const place = placeToRun();
afterAll(place.leave);

const helpFor = [
  '',
  'serve',
  'verify',
  'recount',
  'update-total-enrollments',
  'runs',
  'runs list',
  'runs show',
  'runs pause',
  'runs resume',
  'runs cancel',
  'runs undo',
  'sql',
  'doctor',
  'backup',
  'restore',
  'migrate',
  'migrate up',
  'migrate down',
  'migrate status',
  'seed',
  'token',
  'import',
  'import enrollments',
  'import oulad',
];

it('each command explains itself with --help, with an example', async () => {
  for (const words of helpFor) {
    const { code, stdout, stderr } = await place.run([...words.split(' ').filter(word => word !== ''), '--help']);
    expect(stdout, words).toMatch(/^Usage: rollcall/);
    expect(stdout, words).toMatch(words === '' ? /DATABASE_URL/ : /Examples?:\n {2}\$ /);
    expect([words, code, stderr]).toEqual([words, 0, '']);
  }
});

it('"rollcall --help" names every variable of the configuration that docs/configuration.md has', async () => {
  const { stdout } = await place.run(['--help']);
  const rows = readFileSync('docs/configuration.md', 'utf8')
    .split('\n')
    .filter(line => /^\| `[A-Z_]+`/.test(line));
  const names = rows.flatMap(row => row.split('|')[1]!.match(/[A-Z_]+/g)!);
  expect(names).toContain('DATABASE_URL');
  expect(names.filter(name => !new RegExp(`\\b${name}\\b`).test(stdout))).toEqual([]);
});

it.each([[['import', 'enrollments', 'no\u001b[31mfile\u009b\u202e']], [['x\u001b[31m']]])(
  'a message repeats no control character, which a terminal would obey: %j',
  async parameters => {
    const { code, stderr } = await place.run(parameters);
    expect(code).toBeGreaterThan(0);
    // eslint-disable-next-line no-control-regex
    expect(stderr).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(stderr).toMatch(/no�\[31mfile��|x�\[31m/);
  },
);

it('"rollcall --version" prints the version of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await place.run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

const mistakes: readonly (readonly [line: readonly string[], message: RegExp])[] = [
  [['bogus'], /Unknown command 'bogus'/],
  [['serve', '--port', '1'], /Unknown option '--port'/],
  [['seed', '--courses', 'many'], /'many' is invalid\. Give a whole number/],
  [['seed', '--courses', '-1'], /Give a whole number/],
  [['seed', '--courses', '1', '--students', '1', '--enrollments', '2'], /at most 1 enrollment/],
  [['verify', '--course-id', '0'], /Give a whole number from 1/],
  [['verify', '--batch-size', '0'], /Give a whole number from 1/],
  [['recount', '--throttle', 'x'], /Give a whole number from 0/],
  [['runs', 'undo'], /Missing required argument 'id'/],
  [['runs', 'show', 'last'], /Give a whole number from 1/],
  [['doctor', '--url', 'localhost:4000'], /Use a URL such as http:\/\/localhost:4000/],
  [['doctor', '--token', 'x'], /Add its address with --url/],
  [['backup'], /Missing required argument 'file'/],
  [['restore', 'a', 'b'], /Too many arguments/],
  [['token'], /'--role <role>' not specified/],
  [['token', '--role', 'root'], /Give student, teacher, admin/],
  [['token', '--role', 'student'], /Add the user's id with --user/],
  [['token', '--role', 'admin', '--user', '0'], /Give a whole number from 1/],
  [['token', '--role', 'admin', '--expires', 'never'], /such as 90s, 15m, 1h or 30d/],
  [['import', 'enrollments'], /Missing required argument 'file'/],
  [['import', 'oulad', 'a', 'b'], /Too many arguments/],
];

it('a usage error ends with exit code 2 and one line on standard error', async () => {
  for (const [line, message] of mistakes) {
    const { code, stdout, stderr } = await place.run(line);
    expect(stderr, line.join(' ')).toMatch(message);
    expect(stderr.trimEnd().split('\n'), line.join(' ')).toHaveLength(1);
    expect([line, code, stdout]).toEqual([line, 2, '']);
  }
});

it('a usage error is the same in a process of its own', async () => {
  const [[line, message]] = mistakes as readonly [(typeof mistakes)[number]];
  const { code, stdout, stderr } = await place.start(line).ended;
  expect([code, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
  expect(stderr).toMatch(message);
});

it('a missing command is a usage error that lists the commands', async () => {
  expect(await place.run([])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Commands:') });
  expect(await place.run(['migrate'])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('Commands:'),
  });
});

it('a wrong configuration is a failure that lists every mistake, and nothing is opened', async () => {
  const { code, stderr } = await place.run(['migrate', 'up'], { PORT: 'x', LOG_LEVEL: 'loud' });
  expect(stderr).toMatch(/2 mistakes:\n {2}- PORT is "x".*\n {2}- LOG_LEVEL is "loud"/);
  expect(code).toBe(1);
  expect(existsSync(join(place.folder, 'data'))).toBe(false);
});

it.each([
  [
    'mysql://app:hidden@127.0.0.1:1/school',
    /The database does not answer \(ECONNREFUSED\).*mysql:\/\/app:\*\*\*@127\.0\.0\.1:1\/school/,
  ],
  ['sqlite:/dev/null/rollcall.sqlite', /The folder \/dev\/null for the database file cannot be created/],
  ['sqlite:/tmp', /The database file cannot be opened/],
])('an unreachable database (%s) is reported in one clear line', async (url, message) => {
  const { code, stderr } = await place.run(['migrate', 'up'], { DATABASE_URL: url });
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('hidden');
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(code).toBe(1);
});
