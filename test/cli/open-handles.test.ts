import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { placeToRun } from '../support/command-line.js';

const place = placeToRun();
beforeAll(() => writeFileSync(join(place.folder, 'more.csv'), 'course,student\n1,10\n'));
afterAll(() => place.leave());

/**
 * A line for each command but `serve`, which ends when it is asked to; in this order each command finds what it needs.
 */
const lines = [
  'migrate up',
  'seed --courses 2 --students 10 --enrollments 0',
  'import enrollments more.csv',
  'export users',
  'adopt --check',
  'verify',
  'sql verify',
  'shell --eval 1+1',
  'recount',
  'update-total-enrollments',
  'runs list',
  'backup counts.jsonl',
  'restore counts.jsonl',
  'counters status',
  'doctor',
  'token --role admin',
] as const;

it('each command ends by itself in a process of its own and leaves nothing open', async () => {
  for (const line of lines)
    expect({ line, ...(await place.start(line.split(' ')).ended) }).toMatchObject({ line, code: 0 });
});

it('this test covers every command of the help', async () => {
  const { stdout } = await place.run(['--help']);
  const [, list] = /\nCommands:\n([^]*?)\n\n/.exec(stdout)!;
  const names = [...list!.matchAll(/^ {2}([a-z][a-z-]*)(?:\|([a-z-]+))?/gm)]
    .flatMap(([, name, alias]) => (alias === undefined ? [name!] : [name!, alias]))
    .filter(name => name !== 'help');
  expect([...new Set([...lines.map(line => line.split(' ')[0]!), 'serve'])].toSorted()).toEqual(names.toSorted());
});
