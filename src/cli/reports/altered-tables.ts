import { dialectOf, type Database } from '../../database/database.js';
import { alteredTables, type AlteredTable } from '../../migrations/altered-tables.js';
import { proceduresLeft } from '../../migrations/procedures.js';
import { duration } from '../output/format.js';
import { quantity, grouped } from '../../tools/words.js';
import { tell } from '../output/terminal.js';
import { showProgress } from '../output/progress.js';

/** The time between two queries for how far a change is, in milliseconds. */
const POLL_INTERVAL_MS = 500;

/**
 * Does some work, and says on standard error which tables it changes, what each change locks and how far it is, and
 * which procedures it leaves alone.
 */
export async function reportingAlteredTables<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  let told: Promise<void> = Promise.resolve();
  let endProgress: (() => Promise<void>) | null = null;
  const stop = async (): Promise<void> => {
    await endProgress?.();
    endProgress = null;
  };
  const listen = (message: unknown): void => {
    const altered = message as AlteredTable;
    told = told.then(async () => {
      if (altered.took !== null) {
        await stop();
        tell(`${altered.table}: changed in ${duration(altered.took)}.\n`);
        return;
      }
      if (altered.risk !== null) tell(`remark: ${altered.risk}\n`);
      tell(startText(altered));
      if (altered.way !== 'keeps') endProgress = await showShare(database, altered);
    });
  };
  const reportLeft = (title: unknown): void =>
    tell(`The ${String(title)} is not Rollcall's, so it was left as it is.\n`);
  alteredTables.subscribe(listen);
  proceduresLeft.subscribe(reportLeft);
  try {
    return await work();
  } finally {
    alteredTables.unsubscribe(listen);
    proceduresLeft.unsubscribe(reportLeft);
    await told;
    await stop();
  }
}

/** Returns what is said when a change starts: how it is made, and what it locks. */
function startText({
  table,
  way,
  rows,
  megabytes,
}: Pick<AlteredTable, 'table' | 'way' | 'rows' | 'megabytes'>): string {
  if (way === 'builds')
    return `${table}: indexes are built online over about ${quantity(rows, 'row')}; reads and writes continue.\n`;
  if (way === 'keeps') return `${table}: changed online, without a copy; reads and writes continue.\n`;
  return `${table}: changed by copying it, about ${quantity(rows, 'row')} (${grouped(megabytes)} MB; as much free disk space is needed). Reads continue; writes wait until it is done.\n`;
}

/** Shows how far a copy or an index is, if the database says so; returns what ends the display. */
async function showShare(database: Database, { table, rows }: AlteredTable): Promise<() => Promise<void>> {
  const display = await showProgress(table);
  let query: Promise<void> | null = null;
  const poll = async (): Promise<void> => {
    // The user may not be allowed to see it; the change goes on all the same.
    const share = await dialectOf(database)
      .schema.alteredShare(database)
      .catch(() => null);
    if (share !== null) display.onProgress({ done: share, total: 1, rows: Math.round(share * rows) });
    query = null;
  };
  const timer = setInterval(() => {
    query ??= poll();
  }, POLL_INTERVAL_MS);
  return async () => {
    clearInterval(timer);
    await query;
    display.finish();
  };
}
