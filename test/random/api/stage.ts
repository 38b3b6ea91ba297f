import type fc from 'fast-check';
import type { DatabaseKind } from '../../../src/database/dialects/dialect.js';
import { startApi } from '../../support/api.js';
import type { Stage } from '../telling.js';
import { Classroom } from './classroom.js';
import { requestStories, tellRequests } from './requests.js';
import { furnish, readTables } from './tables.js';

type Requests = Iterable<fc.AsyncCommand<Classroom, Classroom, true>>;

/** Starts a server to which one story after the other is told. */
export async function openClassroom(kind: DatabaseKind): Promise<Stage<Requests> & { drop(): Promise<void> }> {
  const api = await startApi(kind);
  // What a power cut leaves behind is not the question here, and each commit need not wait for the disk.
  if (kind === 'sqlite') await api.database.em.getConnection().execute('pragma synchronous = off', [], 'run');
  let room: Classroom | null = null;
  return {
    stories: requestStories(40),
    async tell(requests, tally) {
      await furnish(api.database);
      const { school } = await readTables(api.database);
      room = new Classroom(api, school, tally);
      return tellRequests(room, requests);
    },
    lastStory: () => room?.story.lines ?? [],
    drop: () => api.stop(),
  };
}
