import type { SqlEntityManager } from '@mikro-orm/sql';
import { recount, verify, type ChunkPace, type VerifiedChunk, type VerifiedCount } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { Course, type Key } from '../entities/index.js';
import { courseIdsOf, type RunRow } from './run.js';
import { recordedChanges, type Step, type StepResult } from './step.js';
import { titlesOf } from './titles.js';

/**
 * Yields the steps of a recount from its cursor: one for each course that drifts, which repairs it or, in a dry run,
 * reports the repair; and one at the end of each chunk.
 */
export async function* recountSteps(database: Database, run: RunRow, pace: ChunkPace): AsyncGenerator<Step> {
  const em = database.em.fork() as SqlEntityManager;
  const chunks = verify(em, Course, {
    keys: courseIdsOf(run.courseIds)?.map(id => [id]),
    after: run.cursorId === null ? null : [run.cursorId],
    batchSize: run.batchSize ?? undefined,
    pace,
  });
  for await (const chunk of chunks) yield* stepsOf(em, chunk, run.dryRun);
}

async function* stepsOf(
  em: SqlEntityManager,
  { drifts, last, checked, milliseconds }: VerifiedChunk,
  dryRun: boolean,
): AsyncGenerator<Step> {
  const byCourse = Map.groupBy(drifts, ({ key }) => key[0] as Key);
  const titles = await titlesOf(em, [...byCourse.keys()]);
  let done = 0;
  let read: Step['read'] = { milliseconds, rows: checked };
  for (const [courseId, counts] of byCourse) {
    const { place } = counts[0]!;
    yield {
      cursorId: courseId,
      checked: place - done,
      read,
      title: titles.get(courseId) ?? null,
      work: inner => (dryRun ? rehearse(courseId, counts) : repair(inner, courseId)),
    };
    done = place;
    read = null;
  }
  yield { cursorId: last[0] as Key, checked: checked - done, read, title: null };
}

/** Recounts one course: by the time it is locked, its counts may be right, or the course may be gone. */
async function repair(em: SqlEntityManager, courseId: Key): Promise<StepResult> {
  const changes = (await recount(em, Course, [courseId])) ?? [];
  const repaired = changes.length > 0 ? 1 : 0;
  return { changes: recordedChanges(courseId, changes), drifted: repaired, repaired };
}

function rehearse(courseId: Key, counts: readonly VerifiedCount[]): Promise<StepResult> {
  const changes = counts.map(({ counter, stored, actual }) => ({ counter, before: stored, after: actual }));
  return Promise.resolve({ changes: recordedChanges(courseId, changes), drifted: 1, repaired: 0 });
}
