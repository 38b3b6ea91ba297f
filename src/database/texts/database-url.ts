/** Names the databases that Rollcall runs on. */
export type DatabaseKind = 'sqlite' | 'mysql' | 'mariadb';

/** The forms of an address of a database, for messages. */
export const DATABASE_URL_FORMS =
  'sqlite:PATH, mysql://USER:PASSWORD@HOST/DATABASE or mariadb://USER:PASSWORD@HOST/DATABASE';

/**
 * Returns the kind of database that a URL names: `sqlite:PATH`, `mysql://…` or `mariadb://…`. Errors: a text that says
 * so.
 */
export function databaseKind(url: string): DatabaseKind {
  const kind = /^(sqlite|mysql|mariadb):/.exec(url)?.[1];
  if (!kind) throw new Error(`The database URL must be ${DATABASE_URL_FORMS}, but is "${withoutPassword(url)}".`);
  return kind as DatabaseKind;
}

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
  if (/^sqlite:[^@?;=\n]*$/.test(url) && !url.includes('://')) return url;
  const [, scheme, user, password, place] = PLAIN_URL.exec(url) ?? [];
  if (place !== undefined)
    return `${scheme}://${user === undefined ? '' : `${user}${password ? ':***' : ''}@`}${place}`;
  const begins = /^[a-z][a-z0-9+.-]{0,20}:/i.exec(url)?.[0] ?? '';
  return `${url.startsWith(`${begins}//`) ? `${begins}//` : ''}… (not shown, as it may hold a password)`;
}
