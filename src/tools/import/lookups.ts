import type { SqlEntityManager } from '@mikro-orm/sql';
import { Course, User, type Key } from '../../entities/index.js';

/**
 * Finds the courses with these ids or titles, lowest id first; the database may compare titles blind to case and
 * accents, so compare again.
 */
export async function coursesBy(
  em: SqlEntityManager,
  field: 'id' | 'title',
  values: readonly (string | number)[],
): Promise<{ id: Key; title: string }[]> {
  if (values.length === 0) return [];
  return em
    .createQueryBuilder(Course, 'c')
    .select(['id', 'title'])
    .where({ [field]: { $in: [...new Set(values)] } })
    .orderBy({ id: 'asc' })
    .execute('all');
}

/**
 * Finds the users with these ids or emails, lowest id first; the database may compare emails blind to case, so compare
 * again.
 */
export async function usersBy(
  em: SqlEntityManager,
  field: 'id' | 'email',
  values: readonly (string | number)[],
): Promise<{ id: Key; email: string }[]> {
  if (values.length === 0) return [];
  return em
    .createQueryBuilder(User, 'u')
    .select(['id', 'email'])
    .where({ [field]: { $in: [...new Set(values)] } })
    .orderBy({ id: 'asc' })
    .execute('all');
}
