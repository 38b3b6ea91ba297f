import type { ISchemaGenerator } from '@mikro-orm/core';

/** A statement that makes a table, with what stands in its parentheses. */
const CREATION = /^(create table (`\S+`) \()(.*)(\) default character set [^()]*;)$/;
/** A statement that adds an index or a constraint to a table. */
const ADDITION = /^alter table (`\S+`) add (.*);$/;
/** The type of a column of PostgreSQL, whose names are in these marks, that MikroORM declares and PostgreSQL lacks. */
const MEDIUM_COLUMN = /(?<=" )mediumint\b/g;
/** The table that a foreign key refers to. */
const REFERENCE = / references (`\S+`) \(/;

/**
 * Makes the tables of an ORM in its database, as MikroORM's schema generator does. Each table gets its indexes and
 * constraints at once where the generator of a server's tables adds them one by one, each by making the table anew.
 */
export async function makeTables({ schema }: { readonly schema: ISchemaGenerator }): Promise<void> {
  await schema.ensureDatabase();
  const sql = (await schema.getCreateSchemaSQL()).replaceAll(MEDIUM_COLUMN, 'integer');
  await schema.execute(withAdditions(sql));
}

/** Returns SQL that makes each table with what the given SQL adds to it later, where that refers to no later table. */
export function withAdditions(sql: string): string {
  const lines = sql.split('\n');
  const places = new Map(
    lines.flatMap((line, index) => (CREATION.test(line) ? [[CREATION.exec(line)![2]!, index]] : [])),
  );
  const additions = new Map<number, string[]>();
  const rest = lines.map(line => {
    const [, table = '', addition = ''] = ADDITION.exec(line) ?? [];
    const place = places.get(table);
    const needed = REFERENCE.exec(addition)?.[1];
    if (place === undefined || (needed !== undefined && (places.get(needed) ?? Infinity) > place)) return line;
    additions.set(place, [...(additions.get(place) ?? []), addition]);
    return '';
  });
  return rest
    .map((line, index) =>
      line.replace(
        CREATION,
        (_, begin: string, _table, columns: string, end: string) =>
          `${begin}${[columns, ...(additions.get(index) ?? [])].join(', ')}${end}`,
      ),
    )
    .join('\n');
}
