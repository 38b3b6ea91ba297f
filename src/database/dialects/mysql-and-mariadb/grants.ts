/**
 * One line of SHOW GRANTS: the privileges that it grants, or revokes from a global grant, in capitals, with their
 * database and table; * stands for all.
 */
interface Grant {
  readonly privileges: readonly string[];
  readonly database: string;
  readonly table: string;
}

/** The privileges that the lines of SHOW GRANTS grant, for each table of a database or for the whole server. */
export class Grants {
  readonly #grants: readonly Grant[];
  readonly #revocations: readonly Grant[];

  constructor(lines: readonly string[]) {
    this.#grants = lines.flatMap(line => grantOf(line, GRANT) ?? []);
    this.#revocations = lines.flatMap(line => grantOf(line, REVOCATION) ?? []);
  }

  /** Returns true for a privilege that is granted on all of these tables. */
  onTables(privilege: string, database: string, tables: readonly string[]): boolean {
    return tables.every(table => this.#covering(privilege, database).some(grant => ['*', table].includes(grant.table)));
  }

  /** Returns true for a privilege that is granted on everything that a database has and will have. */
  onDatabase(privilege: string, database: string): boolean {
    return this.#covering(privilege, database).some(grant => grant.table === '*');
  }

  /** Returns true for a privilege that is granted for the whole server. */
  onServer(privilege: string): boolean {
    return this.#grants.some(grant => has(grant, privilege) && grant.database === '*');
  }

  /**
   * Returns the grants of a privilege that cover a database. MySQL can except databases from a global grant, in lines
   * that revoke.
   */
  #covering(privilege: string, database: string): Grant[] {
    const isExcepted = this.#revocations.some(one => has(one, privilege) && coversDatabase(one, database));
    return this.#grants.filter(
      grant => has(grant, privilege) && coversDatabase(grant, database) && !(isExcepted && grant.database === '*'),
    );
  }
}

const NAME = '(\\*|`(?:[^`]|``)+`)';
const GRANT = new RegExp(`^GRANT (.+?) ON (?:TABLE )?${NAME}\\.${NAME} TO `, 'is');
const REVOCATION = new RegExp(`^REVOKE (.+?) ON ${NAME}\\.${NAME} FROM `, 'is');

/** Reads one line; null for one that grants a role, or a privilege on something other than tables. */
function grantOf(line: string, form: RegExp): Grant | null {
  const [, list, database, table] = form.exec(line) ?? [];
  if (list === undefined) return null;
  // A privilege on some columns, as in SELECT (`id`, `name`), is not one on the table.
  const privileges = list.split(/,(?![^(]*\))/).map(one => one.trim().toUpperCase());
  return { privileges, database: unquoted(database!), table: unquoted(table!) };
}

function has({ privileges }: Grant, privilege: string): boolean {
  return privileges.includes(privilege) || privileges.includes('ALL PRIVILEGES') || privileges.includes('ALL');
}

/**
 * Returns true for a grant that covers a database. In a grant on all tables, the database is a pattern, as for LIKE;
 * some servers ignore the case of names.
 */
function coversDatabase({ database, table }: Grant, name: string): boolean {
  if (database === '*') return true;
  return table === '*'
    ? new RegExp(`^${patternOf(database)}$`, 'is').test(name)
    : database.toLowerCase() === name.toLowerCase();
}

function patternOf(like: string): string {
  return like.replace(
    /\\?[^]/gu,
    part => ({ '%': '.*', _: '.' })[part] ?? part.replace(/^\\(?=.)/, '').replace(/[$()*+.?[\\\]^{|}]/, '\\$&'),
  );
}

function unquoted(name: string): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
}
