import type { Database } from '../database/database.js';
import type { User } from '../entities/index.js';
import type { PlainRow } from '../database/tables.js';
import { listLength, listOf, rowsOfShape } from '../database/known-statements.js';
import { builderFor, rows } from '../database/query.js';
import type { ReadProperties } from '../database/row-reader.js';

/** One user in the form in which it is read. */
export type UserRow = Pick<PlainRow<User>, 'id' | 'name' | 'email' | 'role'>;

/** The properties of a user that are read at most. */
const readable = ['id', 'name', 'email', 'role'] as const satisfies readonly (keyof UserRow)[];

/** Returns users by id, in the order of the ids; null if the user does not exist. */
export async function usersById(
  database: Database,
  ids: readonly number[],
  properties: ReadProperties = null,
): Promise<(UserRow | null)[]> {
  // Their columns have the same names.
  const columns = readable.filter(name => name === 'id' || properties === null || properties.has(name));
  const queryOf = (among: readonly number[]) =>
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
