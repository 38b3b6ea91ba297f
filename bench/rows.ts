// node_modules/.bin/node bench/rows.ts [DATABASE [COURSES ENROLLMENTS [FOLDER]]] [--viewers NAMES] [--docs]: asks each list
// in each order, with each filter and in each role, and prints how many rows the database reads for it and in which time;
// with the plan of each as JSON. Build first (npm run build). DATABASE is mysql, mariadb, postgresql or sqlite; the server is
// started from the program on PATH, and filled with 200,000 courses and 20,000,000 enrollments, which stay in the folder.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { limitRowsRead, TooManyRows } from '../dist/reading/index.js';
import { readConfig } from '../dist/config/config.js';
import { readCounter } from '../test/support/rows-read.ts';
import { statementsOf } from '../test/support/statements.ts';
import { thisMachine } from './comparison/machine.ts';
import { median } from './dataset.ts';
import { PAGE_SIZE, rowsCases, type RowsCase } from './rows/cases.ts';
import { largeRows } from './rows/large-rows.ts';
import { openLarge } from './rows/large-store.ts';
import { planOf } from './rows/plan.ts';
import { writeRows } from './rows/report.ts';
import { startLarge } from './rows/server.ts';

/** What one read took. */
export interface Measured extends Pick<RowsCase, 'list' | 'filter' | 'viewer' | 'page'> {
  /** Null: Node's SQLite does not count them. */
  readonly rowsRead: number | null;
  readonly milliseconds: number;
  /** The error's code; null: it was answered. */
  readonly refused: string | null;
  readonly plan: string;
}

/** A read that takes longer, in milliseconds, is measured once. */
const MAX_REPEATED_MS = 20;

const here = fileURLToPath(new URL('.', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { docs: { type: 'boolean', default: false }, viewers: { type: 'string' } },
});
const [asked = 'mysql', courses = '200000', enrollments = '20000000', folder = join(here, '../data/bench')] =
  positionals;
const kind = (['mysql', 'mariadb', 'postgresql', 'sqlite'] as const).find(one => one === asked);
if (!kind) throw new Error(`The database is mysql, mariadb, postgresql or sqlite, not "${asked}".`);
const size = { courses: Number(courses), enrollments: Number(enrollments) };
const data = join(folder, `rows-${kind}-${courses}`);
mkdirSync(data, { recursive: true });
const server = await startLarge(kind, data);
try {
  const large = largeRows(size);
  const database = await openLarge(server.url, large.tables);
  limitRowsRead(database, readConfig({}).maxRowsRead);
  const counter = kind === 'sqlite' ? null : await readCounter(server.url);
  const measured: Measured[] = [];
  const viewers = values.viewers?.split(',');
  const cases = (await rowsCases(database, size, large)).filter(one => viewers?.includes(one.viewer) ?? true);
  for (const [index, one] of cases.entries()) {
    measured.push(await measure(one));
    if (index % 100 === 99) process.stderr.write(`\r${index + 1} of ${cases.length}`);
  }
  process.stderr.write('\n');
  await counter?.close();
  const [{ version } = { version: '' }] = await database.em
    .fork()
    .execute<{ version: string }[]>(`select ${kind === 'sqlite' ? 'sqlite_version' : 'version'}() as version`);
  await database.close(true);
  const machine = thisMachine();
  console.log(
    writeRows({ kind, version: version.split(' (')[0]!, size, pageSize: PAGE_SIZE, machine, measured }, values.docs),
  );
  const json = join(folder, `rows-${kind}.json`);
  writeFileSync(json, `${JSON.stringify({ kind, version, size, machine, measured }, null, 1)}\n`);
  console.log(`\nEach read as JSON: ${json}`);

  async function measure({ list, filter, viewer, page, read }: RowsCase): Promise<Measured> {
    let refused: string | null = null;
    const times: number[] = [];
    const once = async (): Promise<void> => {
      const start = performance.now();
      try {
        await read(database);
      } catch (error) {
        if (!(error instanceof TooManyRows)) throw error;
        refused = error.code;
      }
      times.push(performance.now() - start);
    };
    const statements = await statementsOf(database, once);
    for (let round = 0; times[0]! < MAX_REPEATED_MS && round < 2; round += 1) await once();
    let rowsRead = 0;
    for (const statement of counter ? statements : []) rowsRead += await counter!.rowsReadBy(statement);
    const plans = [];
    for (const statement of statements) plans.push(await planOf(database, kind!, statement));
    return {
      list,
      filter,
      viewer,
      page,
      rowsRead: counter ? rowsRead : null,
      milliseconds: Math.round(median(times) * 100) / 100,
      refused,
      plan: plans.join(' | '),
    };
  }
} finally {
  await server.stop();
}
