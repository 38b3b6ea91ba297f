import { databaseKindOf, type Database } from '../../database.js';
import { Grants } from './grants.js';

/** Gives what SHOW GRANTS says that the database's user may do, the roles that are in force among it; not on SQLite. */
export async function grantsOf(database: Database): Promise<Grants> {
  const connection = database.em.getConnection();
  const [row] = await connection.execute<{ role: string | null }[]>('select current_role() as role');
  // MariaDB shows the role's grants unasked, and calls no role null where MySQL calls it NONE.
  const using =
    databaseKindOf(database) === 'mysql' && row!.role !== 'NONE' ? ` for current_user() using ${row!.role}` : '';
  const lines = await connection.execute<Record<string, string>[]>(`show grants${using}`);
  return new Grants(lines.flatMap(line => Object.values(line)));
}
