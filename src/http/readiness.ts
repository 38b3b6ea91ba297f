import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database/database.js';

/** Limits how long the database may take for the simplest question, in milliseconds. */
const PATIENCE = 2000;

/** Gives why requests cannot be served now; null: the database answers. */
export async function reasonNotReady(database: Database): Promise<string | null> {
  const answered = database.em.getConnection().execute('select 1').then(
    () => null,
    (error: unknown) => `The database does not answer (${(error as { code?: string }).code ?? 'unknown reason'}).`,
  );
  const over = new AbortController();
  try {
    return await Promise.race([answered, delay(PATIENCE, `The database has not answered for ${PATIENCE} ms.`, { signal: over.signal })]);
  } finally {
    over.abort();
  }
}
