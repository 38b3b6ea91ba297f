import type { Database } from '../../src/database/database.js';
import { User } from '../../src/entities/index.js';
import { numberKey } from './keys.js';

/** Adds students with the emails s1@example.org, s2@example.org and so on, and returns their ids. */
export async function addStudents(database: Database, count: number): Promise<number[]> {
  const em = database.em.fork();
  const students = Array.from({ length: count }, (_, index) =>
    em.create(User, { name: `Student ${index + 1}`, email: `s${index + 1}@example.org` }),
  );
  await em.flush();
  return students.map(({ id }) => numberKey(id));
}
