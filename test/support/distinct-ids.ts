import type { Api } from './api.js';
import { startKeysAfter } from './keys.js';

/** Gives each table ids of its own, so that no id of one type is an id of another. */
export async function makeIdsDistinct(api: Api): Promise<void> {
  for (const [index, table] of ['core_user', 'core_course', 'core_enrollments', 'core_recount_runs'].entries())
    await startKeysAfter(api.database, table, (index + 1) * 1000);
}
