import { databaseKindOf, type Database } from '../../src/database/database.js';

/** Takes the connections that transactions may have, those that readers may have beside them, or both, until the function that it gives is called. */
export async function holdConnections(database: Database, whose: 'of transactions' | 'of readers' | 'all' = 'all'): Promise<() => Promise<void>> {
  const isFile = databaseKindOf(database) === 'sqlite';
  const readers = whose === 'of transactions' ? 0 : whose === 'of readers' && !isFile ? 15 : 4;
  const writers = whose === 'of readers' ? 0 : isFile ? 1 : 15;
  const begun = await Promise.all(
    Array.from({ length: readers + writers }, async (_, index) => {
      const em = database.em.fork();
      await em.begin({ readOnly: index < readers });
      return em;
    }),
  );
  return async () => {
    for (const em of begun) await em.rollback();
  };
}
