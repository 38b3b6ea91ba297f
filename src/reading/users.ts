import type { Database } from '../database/database.js';
import type { Role } from '../entities/index.js';
import { builderFor, rows } from '../database/query.js';

/** Holds one user as it is read. */
export interface UserRow {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly role: Role;
}

/** Gives users by id, in the order of the ids; null: not there. */
export async function usersById(database: Database, ids: readonly number[]): Promise<(UserRow | null)[]> {
  const query = builderFor(database)
    .selectFrom('core_user')
    .where('id', 'in', [...ids])
    .select(['id', 'name', 'email', 'role']);
  const found = new Map((await rows(database, query)).map(row => [row.id, row]));
  return ids.map(id => found.get(id) ?? null);
}
