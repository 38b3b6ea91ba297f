import type { DatabaseKind } from '../../src/database/dialects/dialect.js';
import type { Api } from './api.js';

/** Gives each table ids of its own, so that no id of one type is an id of another. */
export async function makeIdsDistinct(api: Api, kind: DatabaseKind): Promise<void> {
  const connection = api.database.em.getConnection();
  for (const [index, table] of ['core_user', 'core_course', 'core_enrollments', 'core_recount_runs'].entries()) {
    const from = (index + 1) * 1000;
    await connection.execute(
      kind === 'sqlite'
        ? `insert into sqlite_sequence (name, seq) values ('${table}', ${from})`
        : `alter table ${table} auto_increment = ${from + 1}`,
      [],
      'run',
    );
  }
}
