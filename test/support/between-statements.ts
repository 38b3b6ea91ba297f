import type { Database } from '../../src/database/database.js';

/** Runs work once, before the next matching statement is sent: everything read from then on is read afterwards. */
export function beforeStatement(
  database: Database,
  pattern: RegExp,
  work: () => Promise<unknown>,
): { readonly done: boolean } {
  const connection = database.em.getConnection('read');
  const execute = connection.execute.bind(connection);
  const state = { done: false };
  connection.execute = (async (...statement: Parameters<typeof execute>) => {
    if (!state.done && pattern.test(String(statement[0]))) {
      state.done = true;
      connection.execute = execute;
      await work();
    }
    return execute(...statement);
  }) as typeof execute;
  return state;
}
