/** Is one line of SHOW GRANTS: what is granted, in capitals, and on which database and table; * stands for all. */
interface Grant {
  readonly privileges: readonly string[];
  readonly database: string;
  readonly table: string;
}

/** Tells from the lines of SHOW GRANTS whether a privilege is there, for each table of a database or for the whole server. */
export class Grants {
  readonly #grants: readonly Grant[];

  constructor(lines: readonly string[]) {
    this.#grants = lines.flatMap(line => grantOf(line) ?? []);
  }

  /** Tells whether a privilege is granted on all of these tables. */
  onTables(privilege: string, database: string, tables: readonly string[]): boolean {
    return tables.every(table => this.#grants.some(grant => has(grant, privilege) && coversDatabase(grant, database) && ['*', table].includes(grant.table)));
  }

  /** Tells whether a privilege is granted on all that a database has and will have. */
  onDatabase(privilege: string, database: string): boolean {
    return this.#grants.some(grant => has(grant, privilege) && coversDatabase(grant, database) && grant.table === '*');
  }

  /** Tells whether a privilege is granted for the whole server. */
  onServer(privilege: string): boolean {
    return this.#grants.some(grant => has(grant, privilege) && grant.database === '*');
  }
}

const NAME = '(\\*|`(?:[^`]|``)+`)';
const LINE = new RegExp(`^GRANT (.+?) ON (?:TABLE )?${NAME}\\.${NAME} TO `, 'is');

/** Reads one line; null for one that grants a role, or something on other things than tables. */
function grantOf(line: string): Grant | null {
  const [, list, database, table] = LINE.exec(line) ?? [];
  if (list === undefined) return null;
  // A privilege on some columns, as in SELECT (`id`, `name`), is none on the table.
  const privileges = list.split(/,(?![^(]*\))/).map(one => one.trim().toUpperCase());
  return { privileges, database: unquoted(database!), table: unquoted(table!) };
}

function has({ privileges }: Grant, privilege: string): boolean {
  return privileges.includes(privilege) || privileges.includes('ALL PRIVILEGES') || privileges.includes('ALL');
}

/** Tells whether a grant is for a database; beside `.*` its name is a pattern as of LIKE. */
function coversDatabase({ database, table }: Grant, name: string): boolean {
  if (database === '*') return true;
  return table === '*' ? new RegExp(`^${patternOf(database)}$`, 's').test(name) : database === name;
}

function patternOf(like: string): string {
  return like.replace(/\\?[^]/gu, part => ({ '%': '.*', _: '.' })[part] ?? part.replace(/^\\(?=.)/, '').replace(/[$()*+.?[\\\]^{|}]/, '\\$&'));
}

function unquoted(name: string): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
}
