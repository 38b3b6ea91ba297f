import { fillTable } from '../support/full-database.ts';
import type { FaultContext } from './fault.ts';

/** Leaves no room in a database; returns a function that restores it. */
export async function fillDatabase({ database, server }: FaultContext): Promise<() => Promise<void>> {
  if (database.kind === 'sqlite') {
    server.toggleRoom();
    return () => Promise.resolve(server.toggleRoom());
  }
  const session = await database.session();
  const restore = await fillTable(sql => session.query(sql), 'soak', ['core_course', 'core_enrollments']);
  return async () => {
    await restore();
    await session.end();
  };
}
