import { createHash } from 'node:crypto';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { countersInto } from 'mikro-orm-counters';
import { dialectOf, type Database } from '../../database/database.js';
import { Course, keyText, type Key } from '../../entities/index.js';
import { adminOnly } from '../../access/access.js';
import type { OnProgress } from '../progress.js';
import type { Viewer } from '../../access/viewer.js';
import { inSnapshot } from '../snapshot.js';
import { FORMAT, FORMAT_VERSION, type BackupHeader } from './backup-format.js';

/** The most courses that are in memory at once. */
const COURSES_PER_PAGE = 1000;

/** How a backup is written. */
export interface BackupOptions {
  /** Ends the work after the current courses. */
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/**
 * Writes the stored counts of all courses, piece by piece, as one moment has them, and gives how many courses there
 * are; null: it was told to stop, and what is written is no backup; admins.
 */
export async function writeBackup(
  database: Database,
  caller: Viewer | null,
  write: (text: string) => Promise<void>,
  { signal, onProgress }: BackupOptions = {},
): Promise<number | null> {
  adminOnly(caller);
  const { kind } = dialectOf(database);
  return inSnapshot(database, em => writeCounts(em, kind, write, { signal, onProgress }));
}

async function writeCounts(
  em: SqlEntityManager,
  kind: BackupHeader['database'],
  write: (text: string) => Promise<void>,
  { signal, onProgress }: BackupOptions,
): Promise<number | null> {
  const counters = countersInto(em, Course);
  const courses = await em.count(Course);
  const header: BackupHeader = {
    format: FORMAT,
    version: FORMAT_VERSION,
    at: new Date().toISOString(),
    database: kind,
    counters: counters.map(({ name }) => name),
    courses,
  };
  const hash = createHash('sha256');
  const put = async (lines: readonly object[]): Promise<void> => {
    const text = lines.map(line => `${JSON.stringify(line)}\n`).join('');
    hash.update(text);
    await write(text);
  };
  await put([header]);
  let done = 0;
  for await (const page of countPages(
    em,
    counters.map(({ property }) => property),
  )) {
    if (signal?.aborted) return null;
    await put(page);
    done += page.length;
    onProgress?.({ done, total: courses, rows: done });
  }
  await put([{ courses, sha256: hash.copy().digest('hex') }]);
  return courses;
}

async function* countPages(
  em: SqlEntityManager,
  properties: readonly string[],
): AsyncGenerator<{ id: Key; counts: number[] }[]> {
  for (let after: Key | null = null; ;) {
    const query = em
      .createQueryBuilder(Course, 'c')
      .select(['id', ...properties] as never)
      .where(after === null ? {} : { id: { $gt: after } })
      .orderBy({ id: 'asc' })
      .limit(COURSES_PER_PAGE);
    const found = (await query.execute('all')) as unknown as ({ readonly id: Key } & Readonly<
      Record<string, number>
    >)[];
    if (found.length > 0)
      yield found.map(({ id, ...row }) => ({
        id: typeof id === 'number' ? id : keyText(id),
        counts: properties.map(name => row[name]!),
      }));
    if (found.length < COURSES_PER_PAGE) return;
    after = found.at(-1)!.id;
  }
}
