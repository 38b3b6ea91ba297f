import { mistakeInDatabaseUrl } from '../../config/config-values.js';
import { openToRead } from '../../database/database.js';
import { dialectOfUrl, hasPassword } from '../../database/texts/database-url.js';
import type { FoundTables } from '../../database/schema/found-table.js';
import { findTables } from '../../database/schema/found-tables.js';
import { TheirDatabase } from '../../tools/adopt/found/their-database.js';
import { CommandError } from '../failures/command-error.js';
import { explain } from '../failures/explain.js';
import { canAsk } from '../input/confirmation.js';
import { answerTo } from '../input/question.js';

/** Where another application's database is, with its password, and the setting that says so. */
interface TheirPlace {
  readonly url: string;
  readonly setting: '--from' | 'DATABASE_URL';
}

/** Opens another application's database for reading, reads its catalog, and closes it whatever happens. Errors: CommandError. */
export async function withTheirDatabase<Result>(
  { url, setting }: TheirPlace,
  work: (theirs: TheirDatabase, tables: FoundTables) => Promise<Result>,
): Promise<Result> {
  try {
    const database = await openToRead(url);
    try {
      return await work(new TheirDatabase(database), await findTables(database));
    } finally {
      await database.close(true);
    }
  } catch (error) {
    throw explain(error, url, { setting, isOwn: false });
  }
}

/**
 * Returns where `--from` says that another application's database is. The password must not be there: every user of the
 * machine sees the command line in the list of processes. Errors: CommandError.
 */
export async function theirPlace(from: string, password: string | null): Promise<TheirPlace> {
  const mistake = mistakeInDatabaseUrl(from, 'elsewhere');
  if (mistake !== null) throw new CommandError(`--from ${mistake}`);
  const setting = '--from';
  if (dialectOfUrl(from).isFile) return { url: from, setting };
  const url = new URL(from);
  if (hasPassword(url))
    throw new CommandError(
      'Leave the password out of --from: all users of this machine can see it in the list of processes. Set FROM_PASSWORD, or type the password when the command asks for it. This one was visible, and is in the history of the shell: change it.',
    );
  const asks = password === null && url.username !== '' && canAsk();
  const secret = asks
    ? await answerTo(`Password of ${url.username} at ${url.host}: `, { isSecret: true })
    : (password ?? '');
  if (secret === null) throw new CommandError('No password was typed, so nothing was done.');
  url.password = encodeURIComponent(secret);
  return { url: url.href, setting };
}
