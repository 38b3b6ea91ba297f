import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cases } from './cases.ts';
import { compare } from './compare.ts';
import { contestants } from './contestants.ts';
import { isInstalled, type ServerKind } from './database-server.ts';
import { checkTypes, prepare } from './prepare.ts';
import { tablesOf } from './tables.ts';

/** Two pages of courses. */
const TINY = { courses: 100, enrollments: 3000, newcomers: 2000 };

/**
 * Shows that the bench works: the contestants whose packages are few answer all cases on tiny data, and on SQLite there
 * is also a short load. No figure is asserted. MariaDB, whose contestants are the same as MySQL's, is left out.
 */
export async function smoke(): Promise<void> {
  const cheap = contestants.filter(({ packageFolder }) => packageFolder === undefined);
  const left = contestants.filter(one => !cheap.includes(one)).map(({ name }) => name);
  prepare(cheap);
  checkTypes();
  for (const database of ['sqlite', 'mysql'] satisfies ServerKind[]) {
    if (!isInstalled(database)) {
      process.stderr.write(`!!! NOT RUN: the bench on ${database}, whose server program is not on PATH.\n`);
      if (process.env['CI']) process.exitCode = 1;
      continue;
    }
    const data = mkdtempSync(join(tmpdir(), 'rollcall-bench-'));
    try {
      const report = await compare({
        database,
        size: TINY,
        cases: cases.map(({ name }) => name),
        contestants: cheap.filter(({ databases }) => databases.includes(database)),
        rounds: database === 'sqlite' ? 1 : 0,
        seconds: 0.2,
        warmUpSeconds: 0,
        isProfiled: database === 'sqlite',
        data,
      });
      process.stderr.write(`${report.database}: the bench works.\n${tablesOf(report.summaries)}\n`);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  }
  if (left.length > 0)
    process.stderr.write(
      `Not run, because their packages are many: ${left.join(', ')}. \`npm run bench\` runs them.\n`,
    );
}
