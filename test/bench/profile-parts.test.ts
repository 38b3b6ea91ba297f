import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { partTimes } from '../../bench/comparison/profile-parts.ts';
import { profileTablesOf } from '../../bench/comparison/profile-tables.ts';

const project = new URL('../../', import.meta.url);

interface Call {
  readonly name: string;
  readonly url: string;
  readonly line?: number;
  /** How often the profiler found the program in this function, a millisecond apart. */
  readonly samples: number;
  readonly calls?: readonly Call[];
}

/** Returns a profile of calls; the thread took as many milliseconds as there are samples in which it was not idle. */
function profileOf(calls: readonly Call[]): Parameters<typeof partTimes>[0] {
  const nodes: Parameters<typeof partTimes>[0]['profile']['nodes'] = [];
  const samples: number[] = [];
  const add = ({ name, url, line = 1, samples: count, calls: inner = [] }: Call): number => {
    const id = nodes.length + 1;
    const node = { id, callFrame: { functionName: name, url, lineNumber: line - 1, scriptId: '', columnNumber: 0 } };
    nodes.push(node);
    samples.push(...Array.from({ length: count }, () => id));
    Object.assign(node, { children: inner.map(add) });
    return id;
  };
  add({ name: '(root)', url: '', samples: 0, calls });
  const idle = calls.filter(({ name }) => name === '(idle)').reduce((sum, one) => sum + one.samples, 0);
  return {
    profile: { nodes, samples, timeDeltas: samples.map(() => 1000), startTime: 0, endTime: samples.length * 1000 },
    threadMilliseconds: samples.length - idle,
  };
}

it('a library has the time of its functions, and of the code without a file that they call', () => {
  const library = new URL('node_modules/mysql2/lib/connection.js', project).href;
  const times = partTimes(
    profileOf([
      { name: '(idle)', url: '', samples: 50 },
      { name: '(garbage collector)', url: '', samples: 2 },
      {
        name: 'row',
        url: library,
        samples: 3,
        calls: [
          { name: 'generated', url: '', samples: 4 },
          { name: 'write', url: 'node:net', samples: 5, calls: [{ name: 'writeBuffer', url: '', samples: 6 }] },
        ],
      },
    ]),
  );
  expect(Object.fromEntries(times)).toEqual({
    'collection of garbage, main thread': 2,
    mysql2: 7,
    'Node.js': 11,
  });
});

it('a line of a bundle counts for the folder of src, or the library, that it is from', () => {
  const parts = new URL('dist/command-line/', project);
  const lineIn = (origin: RegExp): Pick<Call, 'url' | 'line'> => {
    for (const name of readdirSync(parts).filter(file => file.endsWith('.js'))) {
      const lines = readFileSync(new URL(name, parts), 'utf8').split('\n');
      const index = lines.findIndex(line => origin.test(line));
      // The line after its name.
      if (index !== -1) return { url: fileURLToPath(new URL(name, parts)), line: index + 2 };
    }
    throw new Error(`No bundle has a file like ${origin}.`);
  };
  const times = partTimes(
    profileOf([
      { name: 'a', ...lineIn(/^\/\/ dist\/reading\/courses\.js$/), samples: 1 },
      { name: 'b', ...lineIn(/^\/\/ node_modules\/kysely\//), samples: 2 },
      { name: 'c', ...lineIn(/^\/\/ src\/counters\/dist\//), samples: 3 },
    ]),
  );
  expect(Object.fromEntries(times)).toEqual({ 'src/reading': 1, kysely: 2, 'mikro-orm-counters': 3 });
});

it('the table has the median of each part, and what other threads took', () => {
  const measured = (contestant: string, round: number, parts: Record<string, number>, serverTime: number) => ({
    contestant,
    case: 'A' as const,
    round,
    rate: 1,
    answered: 1,
    failed: 0,
    failure: null,
    p50: 1,
    p99: 1,
    serverTime,
    databaseTime: null,
    memoryMB: 1,
    parts,
  });
  const table = profileTablesOf([
    measured('limit', 1, { 'Node.js': 0.1 }, 0.15),
    measured('rollcall', 1, { 'Node.js': 0.1, kysely: 0.0001 }, 0.2),
    measured('rollcall', 2, { 'Node.js': 0.3, kysely: 0.0001 }, 0.4),
    measured('rollcall', 3, { 'Node.js': 0.2, kysely: 0.0001 }, 0.3),
  ]);
  expect(table.split('\n').slice(2)).toEqual([
    '| µs for each answer | limit | rollcall |',
    '| --- | ---: | ---: |',
    '| Node.js | 100.0 | 200.0 |',
    '| other threads: garbage, compilation, files | 50.0 | 99.9 |',
    '| the rest | 0.0 | 0.1 |',
    '| all | 150.0 | 300.0 |',
  ]);
});
