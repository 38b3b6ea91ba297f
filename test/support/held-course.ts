import { openDatabase } from '../../src/database/database.js';

/**
 * Locks a course by a transaction on another connection, which blocks every change of its enrollments. Returns the
 * function that ends that, once.
 */
export async function holdCourse(url: string, course: number): Promise<() => Promise<void>> {
  const other = await openDatabase(url);
  const holder = other.em.fork();
  await holder.begin();
  await holder.execute('update core_course set capacity = 1000 where id = ?', [course], 'run');
  let released: Promise<void> | undefined;
  return () => (released ??= holder.commit().then(() => other.close(true)));
}
