import { dialectOf, type Database } from '../database/database.js';
import { alteredTables, type AlteredTable } from '../migrations/altered-tables.js';
import { proceduresLeft } from '../migrations/procedures.js';
import { quantity, duration, grouped } from './format.js';
import { tell } from './output.js';
import { showProgress } from './progress.js';

/** The time between two questions to the database how far a change is, in milliseconds. */
const POLL_INTERVAL_MS = 500;

/**
 * Does some work and says on standard error, of each table that it changes, what is locked and how far it is; and what
 * it leaves to others.
 */
export async function tellingOfAlteredTables<Result>(database: Database, work: () => Promise<Result>): Promise<Result> {
  let told: Promise<void> = Promise.resolve();
  let endWay: (() => Promise<void>) | null = null;
  const stop = async (): Promise<void> => {
    await endWay?.();
    endWay = null;
  };
  const listen = (message: unknown): void => {
    const altered = message as AlteredTable;
    told = told.then(async () => {
      if (altered.took !== null) {
        await stop();
        tell(`${altered.table}: changed in ${duration(altered.took)}.\n`);
        return;
      }
      tell(beginningOf(altered));
      if (altered.way !== 'keeps') endWay = await showShare(database, altered);
    });
  };
  const left = (procedure: unknown): void =>
    tell(`The procedure ${String(procedure)} is not Rollcall's, so it was left as it is.\n`);
  alteredTables.subscribe(listen);
  proceduresLeft.subscribe(left);
  try {
    return await work();
  } finally {
    alteredTables.unsubscribe(listen);
    proceduresLeft.unsubscribe(left);
    await told;
    await stop();
  }
}

/** Returns what a statement locks, in words. */
function beginningOf({
  table,
  way,
  rows,
  megabytes,
}: Pick<AlteredTable, 'table' | 'way' | 'rows' | 'megabytes'>): string {
  if (way === 'builds')
    return `${table}: indexes are built online over about ${quantity(rows, 'row')}; reads and writes go on.\n`;
  if (way === 'keeps') return `${table}: changed online, without a copy; reads and writes go on.\n`;
  return `${table}: copied to be changed, about ${quantity(rows, 'row')} (${grouped(megabytes)} MB, as much free disk is needed). Reads go on; writes wait until it ends.\n`;
}

/** Shows how far a copy or an index is, as far as the database says; returns what ends that. */
async function showShare(database: Database, { table, rows }: AlteredTable): Promise<() => Promise<void>> {
  const display = await showProgress(table);
  let asking: Promise<void> | null = null;
  const ask = async (): Promise<void> => {
    // An account may not be allowed to see it; the change goes on all the same.
    const share = await dialectOf(database)
      .schema.alteredShare(database)
      .catch(() => null);
    if (share !== null) display.onProgress({ done: share, total: 1, rows: Math.round(share * rows) });
    asking = null;
  };
  const timer = setInterval(() => {
    asking ??= ask();
  }, POLL_INTERVAL_MS);
  return async () => {
    clearInterval(timer);
    await asking;
    display.finish();
  };
}
