import type { SqlEntityManager } from '@mikro-orm/sql';
import type { Database } from '../../database/database.js';
import { addSampleData, defaultSeedSize, type Seed, type SeedSize } from '../../tools/sample-data/seed-database.js';
import { inTransaction } from '../../transactions/transactions.js';
import { duration } from '../output/format.js';
import { quantity } from '../../tools/words.js';
import { showProgress } from '../output/progress.js';
import { tell } from '../output/terminal.js';

/** Fills a database with sample data, in the entity manager's transaction if it has one; shows progress. */
export function fillWithSampleData(database: Database, em: SqlEntityManager): Promise<void> {
  return seedWithProgress(defaultSeedSize, seed =>
    em.isInTransaction() ? addSampleData(em, seed) : inTransaction(database, own => addSampleData(own, seed)),
  );
}

/** Adds sample data, and shows progress on standard error. */
export async function seedWithProgress(size: SeedSize, add: (seed: Seed) => Promise<void>): Promise<void> {
  const what = `${quantity(size.courses, 'course')}, ${quantity(size.students, 'student')}, ${quantity(size.enrollments, 'enrollment')}`;
  tell(`Adding sample data: ${what}\n`);
  const start = performance.now();
  const display = await showProgress('seed');
  try {
    await add({ ...size, onProgress: display.onProgress });
  } finally {
    display.finish();
  }
  tell(`Added in ${duration(performance.now() - start)}.\n`);
}
