import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../database/database.js';

/** Limits how long the database may take for the simplest question, in milliseconds. */
const PATIENCE = 2000;

/** Gives why requests cannot be served now; null: the database answers. */
export function reasonNotReady(database: Database): Promise<string | null> {
  const answered = database.em.getConnection().execute('select 1').then(
    () => null,
    (error: unknown) => `The database does not answer (${(error as { code?: string }).code ?? 'unknown reason'}).`,
  );
  return withinPatience(answered).catch((error: Error) => error.message);
}

/** Gives what the database answers. Errors: its own, or that it takes too long. */
export async function withinPatience<Answer>(answer: Promise<Answer>): Promise<Answer> {
  const over = new AbortController();
  const late = delay(PATIENCE, undefined, { signal: over.signal }).then(() => {
    throw new Error(`The database has not answered for ${PATIENCE} ms.`);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    over.abort();
  }
}
