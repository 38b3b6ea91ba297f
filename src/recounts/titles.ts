import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, type Key } from '../entities/index.js';

/** Returns the titles of courses by id; a course that does not exist is left out. */
export async function titlesOf(em: SqlEntityManager, ids: readonly Key[]): Promise<Map<Key, string>> {
  if (ids.length === 0) return new Map();
  const rows = await em
    .createQueryBuilder(Course, 'c')
    .select(['id', 'title'])
    .where({ id: { $in: [...ids] } })
    .execute<{ id: Key; title: string }[]>('all');
  return new Map(rows.map(({ id, title }) => [id, title]));
}
