import type { SelectQueryBuilder } from 'kysely';
import type { Database } from '../database/database.js';
import type { User, Key } from '../entities/index.js';
import type { PlainRow, Tables } from '../database/tables.js';
import { listLength, listOf, rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows } from '../database/query.js';
import type { ReadProperties } from '../database/row-reader.js';

/** One user in the form in which it is read. */
export type UserRow = Pick<PlainRow<User>, 'id' | 'name' | 'email' | 'role'>;

/** The properties of a user that are read at most. */
const readable = ['id', 'name', 'email', 'role'] as const satisfies readonly (keyof UserRow)[];

/** Users who are read together with rows that refer to them, in the same statement. */
export interface JoinedUsers {
  readonly properties: ReadProperties;
  /** Receives each of them. */
  readonly take: (user: UserRow) => void;
}

/** The prefix of the columns of a joined user. */
const JOINED = 'joined_';

/** Returns the columns that are read of users. */
function columnsOf(properties: ReadProperties): (typeof readable)[number][] {
  // Their columns have the same names.
  return readable.filter(name => name === 'id' || properties === null || properties.has(name));
}

/** Returns what of joined users determines the text of a statement. */
export function joinShape(users: JoinedUsers | undefined): string {
  return users ? `with ${columnsOf(users.properties).join()}` : '';
}

/** Returns a query for the rows of another one, each with the user to whom one of its columns refers. */
export function withUsers<Row extends object>(
  database: Database,
  query: SelectQueryBuilder<Tables, keyof Tables, Row>,
  key: keyof Row & string,
  { properties }: JoinedUsers,
): SelectQueryBuilder<Tables, keyof Tables, Row> {
  return builderFor(database)
    .selectFrom(query.as('referring'))
    .leftJoin('core_user', 'core_user.id', `referring.${key}` as never)
    .selectAll('referring' as never)
    .select(columnsOf(properties).map(name => `core_user.${name} as ${JOINED}${name}` as never)) as never;
}

/** Passes on the users that were read with rows. */
export function takeUsers(referring: readonly object[], { properties, take }: JoinedUsers): void {
  const columns = columnsOf(properties).map(name => [name, JOINED + name] as const);
  for (const row of referring as readonly Readonly<Record<string, unknown>>[])
    if (row[`${JOINED}id`] != null)
      take(Object.fromEntries(columns.map(([name, column]) => [name, row[column]])) as unknown as UserRow);
}

/** Returns users by id, in the order of the ids; null if the user does not exist. */
export async function usersById(
  database: Database,
  ids: readonly Key[],
  properties: ReadProperties = null,
): Promise<(UserRow | null)[]> {
  const columns = columnsOf(properties);
  const queryOf = (among: readonly Key[]) =>
    builderFor(database)
      .selectFrom('core_user')
      .where('id', 'in', [...among])
      .select(columns);
  const length = listLength(ids.length);
  const stored = (
    length === null
      ? await rows(database, queryOf(ids))
      : await rowsOfShape(database, `users by id ${length} ${columns.join()}`, ids, place =>
          queryOf(listOf(place, length, given => given)),
        )
  ) as UserRow[];
  if (ids.length === 1) return [stored[0] ?? null];
  const found = new Map(stored.map(row => [row.id, row]));
  return ids.map(id => found.get(id) ?? null);
}
