import { openExistingDatabase } from '../../database/database.js';
import { dialectOfUrl } from '../../database/texts/database-url.js';
import { findTables, type FoundTables } from '../../tools/adopt/found/found-tables.js';
import { TheirDatabase } from '../../tools/adopt/found/their-database.js';
import { CommandError } from '../failures/command-error.js';
import { explain } from '../failures/explain.js';
import { canAsk } from '../input/confirmation.js';
import { askSecret } from '../input/secret.js';

/** Opens another application's database for reading, reads its catalog, and closes it whatever happens. Errors: CommandError. */
export async function withTheirDatabase<Result>(
  url: string,
  work: (theirs: TheirDatabase, tables: FoundTables) => Promise<Result>,
): Promise<Result> {
  try {
    const database = await openExistingDatabase(url);
    try {
      return await work(new TheirDatabase(database), await findTables(database));
    } finally {
      await database.close(true);
    }
  } catch (error) {
    throw explain(error, url);
  }
}

/**
 * Returns the URL of another application's database with its password, which must not be on the command line: every
 * user of the machine sees that in the list of processes. Errors: CommandError.
 */
export async function theirUrl(from: string, password: string | undefined): Promise<string> {
  const dialect = dialectOfUrl(from);
  if (dialect.isFile) return from;
  const url = URL.parse(from);
  if (url === null || url.hostname === '')
    throw new CommandError(`--from must be a URL such as ${dialect.urlForm}, without the password.`);
  if (url.password !== '' || url.searchParams.has('password'))
    throw new CommandError(
      'Leave the password out of --from: all users of this machine can see it in the list of processes. Set FROM_PASSWORD, or type the password when the command asks for it.',
    );
  const secret =
    password ??
    (url.username !== '' && canAsk() ? await askSecret(`Password of ${url.username} at ${url.host}: `) : '');
  url.password = encodeURIComponent(secret);
  return url.href;
}
