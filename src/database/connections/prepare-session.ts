import { CompiledQuery, type DatabaseConnection } from 'kysely';
import pTimeout from 'p-timeout';
import { cut } from './cut.js';

/** The longest time for opening a connection after the server has let it in, in milliseconds. */
const MAX_SETTING_MS = 5000;

/**
 * Prepares a new connection by statements, and cuts it where that fails or the server does not answer: Kysely neither
 * uses it then nor gives it back.
 */
export async function prepareSession(connection: DatabaseConnection, settings: readonly string[]): Promise<void> {
  const prepare = async (): Promise<void> => {
    for (const sql of settings) await connection.executeQuery(CompiledQuery.raw(sql));
  };
  const late = (): never => {
    throw Object.assign(
      new Error(`The database let a connection in and then did not answer for ${MAX_SETTING_MS} ms.`),
      { code: 'ETIMEDOUT', fatal: true },
    );
  };
  try {
    await pTimeout(prepare(), { milliseconds: MAX_SETTING_MS, fallback: late });
  } catch (error) {
    void cut(connection).catch(() => undefined);
    throw error;
  }
}
