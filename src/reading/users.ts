import type { Database } from '../database/database.js';
import type { User } from '../entities/index.js';
import type { PlainRow } from '../database/tables.js';
import { builderFor, rows } from '../database/query.js';

/** One user in the form in which it is read. */
export type UserRow = Pick<PlainRow<User>, 'id' | 'name' | 'email' | 'role'>;

/** Returns users by id, in the order of the ids; null if the user does not exist. */
export async function usersById(database: Database, ids: readonly number[]): Promise<(UserRow | null)[]> {
  const query = builderFor(database)
    .selectFrom('core_user')
    .where('id', 'in', [...ids])
    .select(['id', 'name', 'email', 'role']);
  const found = new Map((await rows(database, query)).map(row => [row.id, row]));
  return ids.map(id => found.get(id) ?? null);
}
