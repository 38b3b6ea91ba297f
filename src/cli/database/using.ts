import type { Database } from '../../database/database.js';
import { explain } from '../failures/explain.js';

/** Opens the database of a URL for some work, and closes it whatever happens. Errors: CommandError. */
export async function using<Result>(
  url: string,
  open: () => Promise<Database>,
  work: (database: Database) => Promise<Result>,
): Promise<Result> {
  try {
    const database = await open();
    try {
      return await work(database);
    } finally {
      await database.close(true);
    }
  } catch (error) {
    throw explain(error, url);
  }
}
