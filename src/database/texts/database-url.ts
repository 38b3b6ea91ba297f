import type { Dialect } from '../dialects/dialect.js';
import { databaseKinds, dialects } from '../dialects/dialects.js';

/** Returns the forms of a URL of a database, for messages. It is no constant, because `Intl` loads its data when it is first used. */
export function databaseUrlForms(): string {
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(
    Object.values(dialects).map(({ urlForm }) => urlForm),
  );
}

/** The dialects by the schemes of their URLs. */
const byScheme = new Map(Object.values(dialects).flatMap(dialect => dialect.schemes.map(scheme => [scheme, dialect])));

/** Returns the dialect of the database that a URL names. Errors: a text that says which forms a URL can have. */
export function dialectOfUrl(url: string): Dialect {
  const dialect = byScheme.get(url.slice(0, Math.max(0, url.indexOf(':'))));
  if (!dialect) throw new Error(`The database URL must be ${databaseUrlForms()}, but is "${withoutPassword(url)}".`);
  return dialect;
}

/** Returns the path of the file that a URL of a dialect names; null if it names a server, or a database in memory. */
export function fileOf({ isFile, kind }: Dialect, url: string): string | null {
  const path = url.slice(`${kind}:`.length);
  return isFile && path !== ':memory:' ? path : null;
}

/** A pattern for the URL of a file, which cannot contain a password. */
const PLAIN_PATH = new RegExp(`^(?:${databaseKinds.filter(kind => dialects[kind].isFile).join('|')}):[^@?;=\\n]*$`);

/** A pattern for a URL in the usual form: scheme, user, password and place, which is the host, its port and a path. */
const PLAIN_URL =
  /^([a-z][a-z0-9+.-]*):\/\/(?:([^:/@?#\s]*)(:[^:/@?#\s]*)?@)?((?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?(?:\/[\w$.~/-]*)?)$/i;

/** A pattern for the name of a part of a URL that is a secret. */
const SECRET_NAME = /pass|pwd|secret|token/i;

/** Returns whether a URL contains a password: behind its user, or after a `?`. */
export function hasPassword(url: URL): boolean {
  return (
    url.password !== '' ||
    /:|%3a/i.test(url.username) ||
    [...url.searchParams.keys()].some(name => SECRET_NAME.test(name))
  );
}

/**
 * Returns a URL for people and logs, without its password.
 *
 * In a URL of the usual form, only the password is blanked. Of any other text only the scheme is shown, because a
 * password may be anywhere in it, for example after a `?`, behind a second `@`, or in the place of the host.
 */
export function withoutPassword(url: string): string {
  if (PLAIN_PATH.test(url) && !url.includes('://')) return url;
  const [, scheme, user, password, place] = PLAIN_URL.exec(url) ?? [];
  if (place !== undefined)
    return `${scheme}://${user === undefined ? '' : `${shownUser(scheme!, user, password)}@`}${place}`;
  const begins = /^[a-z][a-z0-9+.-]{0,20}:/i.exec(url)?.[0] ?? '';
  return `${url.startsWith(`${begins}//`) ? `${begins}//` : ''}… (not shown, because it may contain a password)`;
}

/** Returns the user of a URL, and a sign for its password. Without a password, that of another scheme may be a token. */
function shownUser(scheme: string, user: string, password: string | undefined): string {
  if (password) return `${user}:***`;
  return byScheme.has(scheme.toLowerCase()) ? user : '***';
}
