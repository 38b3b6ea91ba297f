// node_modules/.bin/node bench/memory.ts [MINUTES [COURSES ENROLLMENTS [FOLDER]]]: measures the memory of a server under a
// mixed load of reads and writes, after a forced collection every ten seconds, and its slope; and the most memory of verify,
// recount, export and import with a tenth of the rows and with all of them. Build first (npm run build). On SQLite, whose
// memory is the server's own.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryOf } from './comparison/processor-time.ts';
import { randomNumbers } from './comparison/cases.ts';
import type { Memory } from './memory-server.ts';
import { largeRows } from './rows/large-rows.ts';
import { openLarge } from './rows/large-store.ts';

interface Answer {
  readonly data?: Record<string, any>;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}

const CLIENTS = 8;
const SAMPLE_EVERY_MS = 10_000;
/** How often the memory of a command is read, in milliseconds. */
const COMMAND_EVERY_MS = 20;
/** The part of the samples that is left out of the slope, while caches fill. */
const WARM_UP_SHARE = 0.3;
const MB = 1024 ** 2;

const here = fileURLToPath(new URL('.', import.meta.url));
const main = join(here, '../dist/cli/main.js');
const [minutes = '10', courses = '20000', enrollments = '2000000', folder = join(here, '../data/bench/memory')] =
  process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const large = { courses: Number(courses), enrollments: Number(enrollments) };
const small = { courses: large.courses / 10, enrollments: large.enrollments / 10 };
const random = randomNumbers(4);
const below = (most: number): number => 1 + Math.floor(random() * most);

const [smallUrl, largeUrl] = [await filled(small), await filled(large)];
await measureServer(largeUrl);
await measureCommands();

async function filled(size: { courses: number; enrollments: number }): Promise<string> {
  const url = `sqlite:${join(folder, `memory-${size.enrollments}.sqlite`)}`;
  await (await openLarge(url, largeRows(size).tables)).close(true);
  return url;
}

/** Sends operations from several clients at once, and prints the memory and its slope. */
async function measureServer(url: string): Promise<void> {
  const server = fork(new URL('./memory-server.ts', import.meta.url), [url], {
    execArgv: ['--expose-gc'],
    stdio: 'inherit',
  });
  const [{ url: address, token }] = (await once(server, 'message')) as [{ url: string; token: string }];
  const end = performance.now() + Number(minutes) * 60_000;
  let answers = 0;
  const errors = new Map<string, number>();
  const send = async (query: string): Promise<Answer> => {
    const reply = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query }),
    });
    const answer = (await reply.json()) as Answer;
    answers += 1;
    for (const { extensions } of answer.errors ?? [])
      errors.set(extensions.code, 1 + (errors.get(extensions.code) ?? 0));
    return answer;
  };
  const operations: (() => Promise<unknown>)[] = [
    () =>
      send(
        `{ courses(first: 50, orderBy: { field: TITLE }) { nodes { id title totalEnrollments } pageInfo { endCursor } } }`,
      ),
    () => send(`{ courses(filter: { title: { contains: "${below(large.courses)}" } }) { nodes { id } } }`),
    () =>
      send(
        `{ course(id: ${below(large.courses)}) { title enrollmentsCount { count } instructor { name } enrollments { nodes { status student { name } } } } }`,
      ),
    () => send(`{ a${below(1_000_000)}: courses(first: 10) { totalCount nodes { enrollmentsByStatus { count } } } }`),
    () =>
      send(
        `{ enrollments(filter: { studentId: ${1000 + below(100_000)} }) { totalCount nodes { course { title } } } }`,
      ),
    async () => {
      const enrolled = await send(
        `mutation { enroll(input: { courseId: ${below(large.courses)}, studentId: ${1000 + below(100_000)} }) { enrollment { id } userErrors { code } } }`,
      );
      const id = (enrolled.data?.['enroll'] as { enrollment: { id: string } | null } | null)?.enrollment?.id;
      if (id !== undefined)
        await send(`mutation { unenroll(input: { enrollmentId: ${id} }) { deletedId userErrors { code } } }`);
    },
    () => send('{ courses { nodes { nothing } } }'),
  ];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (performance.now() < end) await operations[below(operations.length) - 1]!();
  });
  const samples: (Memory & { readonly minute: number })[] = [];
  const start = performance.now();
  while (performance.now() < end) {
    await new Promise(resolve => setTimeout(resolve, SAMPLE_EVERY_MS));
    server.send('sample');
    const [memory] = (await once(server, 'message')) as [Memory];
    samples.push({ ...memory, minute: (performance.now() - start) / 60_000 });
  }
  await Promise.all(clients);
  server.disconnect();
  const kept = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const byCode = [...errors].map(([code, count]) => `${count} ${code}`).join(', ');
  console.log(`${answers} answers in ${minutes} minutes, with errors: ${byCode || 'none'}.`);
  for (const name of ['heap', 'rss'] as const) {
    const values = kept.map(sample => sample[name] / MB);
    console.log(
      `${name}: ${values[0]!.toFixed(1)} MB, then ${values.at(-1)!.toFixed(1)} MB, at most ${Math.max(...values).toFixed(1)} MB; slope ${slope(
        kept.map(({ minute }) => minute),
        values,
      ).toFixed(3)} MB a minute`,
    );
  }
}

/** Returns the slope of the line that is nearest to some points, by least squares. */
function slope(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(xs), mean(ys)];
  return (
    xs.reduce((sum, one, at) => sum + (one - x) * (ys[at]! - y), 0) / xs.reduce((sum, one) => sum + (one - x) ** 2, 0)
  );
}

/** Runs commands with a tenth of the rows and with all of them, and prints the most memory of each. */
async function measureCommands(): Promise<void> {
  const rows = [];
  for (const [size, url] of [
    [small, smallUrl],
    [large, largeUrl],
  ] as const) {
    const file = join(folder, `enrollments-${size.enrollments}.csv`);
    rows.push({
      enrollments: size.enrollments,
      'verify, MB': await command(url, 'verify'),
      'recount, MB': await command(url, 'recount'),
      'export, MB': await command(url, 'export', 'enrollments', '--output', file, '--force'),
      'import, MB': await command(url, 'import', 'enrollments', file),
    });
    rmSync(file);
  }
  console.table(rows);
}

/** Runs a command, and returns the most memory that it was seen to take, in MB. */
async function command(url: string, ...parameters: string[]): Promise<number> {
  const child = spawn(process.execPath, [main, ...parameters], {
    env: { ...process.env, DATABASE_URL: url, LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4000);
    });
  let most = 0;
  const look = setInterval(() => {
    most = Math.max(most, memoryOf(child.pid!) || 0);
  }, COMMAND_EVERY_MS);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(look);
  if (code !== 0) throw new Error(`rollcall ${parameters.join(' ')} ended with ${code}:\n${output}`);
  return Math.round(most);
}
