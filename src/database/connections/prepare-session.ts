import { CompiledQuery, type DatabaseConnection } from 'kysely';
import pTimeout from 'p-timeout';
import { abandon } from './abandon-connection.js';

/** The longest time for preparing a connection after the server has accepted it, in milliseconds. */
const MAX_SETTING_MS = 5000;

/**
 * Prepares a new connection by statements. If that fails or the server does not answer, it abandons the connection, because
 * Kysely neither uses nor returns it then.
 */
export async function prepareSession(connection: DatabaseConnection, settings: readonly string[]): Promise<void> {
  const prepare = async (): Promise<void> => {
    for (const sql of settings) await connection.executeQuery(CompiledQuery.raw(sql));
  };
  const late = (): never => {
    throw Object.assign(
      new Error(`The database accepted a connection and then did not answer for ${MAX_SETTING_MS} ms.`),
      { code: 'ETIMEDOUT', fatal: true },
    );
  };
  try {
    await pTimeout(prepare(), { milliseconds: MAX_SETTING_MS, fallback: late });
  } catch (error) {
    void abandon(connection).catch(() => undefined);
    throw error;
  }
}
