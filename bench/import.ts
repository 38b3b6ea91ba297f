// node_modules/.bin/node bench/import.ts DATABASE_URL FOLDER: measures the import of the Open University Learning Analytics
// Dataset, beside multi-row INSERTs of the same rows and one UPDATE of the counts. Build first (npm run build). The URL
// names a database of this program's own, which it empties; the folder has the files of the dataset.
import { openDatabase } from '../dist/database/database.js';
import { importOulad } from '../dist/tools/import/import-oulad.js';
import { ouladFiles } from '../dist/tools/import/oulad-files.js';
import { median, seconds, setExact } from './dataset.ts';

const ROUNDS = 7;
const WARM_UP_ROUNDS = 2;
/** The rows of one INSERT, as many as the import has in a transaction. */
const AT_ONCE = 1000;

/** The tables that an import fills, in an order in which each row finds those that it refers to. */
const TABLES = ['core_user', 'core_course', 'core_enrollments'];

const [url, folder] = process.argv.slice(2);
if (!url || !folder)
  throw new Error('Give the URL of a database and the folder of the dataset: node bench/import.ts URL oulad/');
const files = await ouladFiles(folder);
const database = await openDatabase(url);
await database.schema.ensureDatabase();
await database.migrator.up();
await empty();
const { added } = await importOulad(database, files);
const rows = new Map<string, Record<string, unknown>[]>();
for (const table of TABLES) rows.set(table, await database.em.fork().execute(`select * from ${table} order by id`));

const work: Record<string, () => Promise<unknown>> = {
  'INSERTs and one UPDATE': insertAll,
  'import oulad': () => importOulad(database, files),
};
const times: Record<string, number[]> = {};
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
  for (const [name, run] of Object.entries(work)) {
    await empty();
    const start = performance.now();
    await run();
    if (round >= 0) (times[name] ??= []).push(performance.now() - start);
  }
}
console.log(`${added} enrollments`);
const base = times['INSERTs and one UPDATE']!;
console.table(
  Object.entries(times).map(([name, all]) => ({
    name,
    median: seconds(median(all)),
    best: seconds(Math.min(...all)),
    'median of the ratios': median(all.map((time, round) => time / base[round]!)).toFixed(2),
  })),
);
await empty();
await database.close(true);

async function empty(): Promise<void> {
  for (const table of TABLES.toReversed()) await database.em.fork().execute(`delete from ${table}`, [], 'run');
}

/** Inserts the rows that an import has made, each statement in a transaction of its own, and counts them. */
async function insertAll(): Promise<void> {
  for (const [table, all] of rows) {
    const columns = Object.keys(all[0]!);
    const one = `(${columns.map(() => '?').join(', ')})`;
    for (let start = 0; start < all.length; start += AT_ONCE) {
      const some = all.slice(start, start + AT_ONCE);
      await database.em.fork().execute(
        `insert into ${table} (${columns.join(', ')}) values ${some.map(() => one).join(', ')}`,
        some.flatMap(row =>
          columns.map(column => (column.startsWith('total_') || column.startsWith('active_') ? 0 : row[column])),
        ),
        'run',
      );
    }
  }
  await setExact(database);
}
