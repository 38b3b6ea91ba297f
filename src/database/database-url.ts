/** Names the databases that Rollcall runs on. */
export type DatabaseKind = 'sqlite' | 'mysql' | 'mariadb';

/** Gives the kind of database that a URL names: `sqlite:PATH`, `mysql://…` or `mariadb://…`. Errors: a text that says so. */
export function databaseKind(url: string): DatabaseKind {
  const kind = /^(sqlite|mysql|mariadb):/.exec(url)?.[1];
  if (!kind) throw new Error(`The database URL must begin with sqlite:, mysql: or mariadb:, but is "${withoutPassword(url)}".`);
  return kind as DatabaseKind;
}

/** Gives a database URL with its password blanked, for people and logs. */
export function withoutPassword(url: string): string {
  // To the last @: a password may hold one, and a URL that a person mistyped may lack its scheme.
  return url.startsWith('sqlite:') ? url : url.replace(/^((?:[a-z]+:\/\/)?[^:/@]*):(?!\/\/)[^]*@/, '$1:***@');
}
