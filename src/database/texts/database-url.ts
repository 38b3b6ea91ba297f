import type { DatabaseKind, Dialect } from '../dialects/dialect.js';
import { databaseKinds, dialects } from '../dialects/dialects.js';

/** The forms of a URL of a database, for messages. */
export const DATABASE_URL_FORMS = new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(
  Object.values(dialects).map(({ urlForm }) => urlForm),
);

/** Matches the scheme of a URL that names a database. */
const SCHEME = new RegExp(`^(${databaseKinds.join('|')}):`);

/** Returns the dialect of the database that a URL names. Errors: a text that says which forms a URL can have. */
export function dialectOfUrl(url: string): Dialect {
  const kind = SCHEME.exec(url)?.[1];
  if (!kind) throw new Error(`The database URL must be ${DATABASE_URL_FORMS}, but is "${withoutPassword(url)}".`);
  return dialects[kind as DatabaseKind];
}

/** Returns the path of the file that a URL of a dialect names; null: it names a server, or a database in memory. */
export function fileOf({ isFile, kind }: Dialect, url: string): string | null {
  const path = url.slice(`${kind}:`.length);
  return isFile && path !== ':memory:' ? path : null;
}

/** Matches the URL of a file in which no password can stand. */
const PLAIN_PATH = new RegExp(`^(?:${databaseKinds.filter(kind => dialects[kind].isFile).join('|')}):[^@?;=\\n]*$`);

/**
 * Matches a URL that is written as it should be: scheme, user, password and place, which is the host, its port and a
 * path.
 */
const PLAIN_URL =
  /^([a-z][a-z0-9+.-]*):\/\/(?:([^:/@?#\s]*)(:[^:/@?#\s]*)?@)?((?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:\/[\w$.~/-]*)?)$/i;

/**
 * Returns a URL for people and logs, without its password.
 *
 * Of a URL that is written as it should be, the password alone is blanked. Of any other text only the scheme is shown:
 * a password may stand anywhere in it, such as after a `?`, behind a second `@`, or in the place of the host.
 */
export function withoutPassword(url: string): string {
  if (PLAIN_PATH.test(url) && !url.includes('://')) return url;
  const [, scheme, user, password, place] = PLAIN_URL.exec(url) ?? [];
  if (place !== undefined)
    return `${scheme}://${user === undefined ? '' : `${user}${password ? ':***' : ''}@`}${place}`;
  const begins = /^[a-z][a-z0-9+.-]{0,20}:/i.exec(url)?.[0] ?? '';
  return `${url.startsWith(`${begins}//`) ? `${begins}//` : ''}… (not shown, as it may hold a password)`;
}
