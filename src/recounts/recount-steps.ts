import type { SqlEntityManager } from '@mikro-orm/sql';
import {
  recountRows,
  verify,
  type ChunkPace,
  type RepairPace,
  type VerifiedChunk,
  type VerifiedCount,
} from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { Course, type Key } from '../entities/index.js';
import type { RunRow } from './run.js';
import { recordedChanges, type CourseChange, type Step } from './step.js';
import { titlesOf } from './titles.js';

/** How many courses are read, and how many are repaired, at once. */
export interface RecountPaces {
  readonly chunks: ChunkPace;
  readonly repairs: RepairPace;
}

/**
 * Yields the steps of a recount from its cursor: each repairs some courses that drift or, in a dry run, reports their
 * repair; and one at the end of each chunk.
 */
export async function* recountSteps(
  database: Database,
  run: RunRow,
  { chunks: pace, repairs }: RecountPaces,
): AsyncGenerator<Step> {
  const em = database.em.fork() as SqlEntityManager;
  const chunks = verify(em, Course, {
    keys: run.courseIds?.map(id => [id]),
    after: run.cursorId === null ? null : [run.cursorId],
    batchSize: run.batchSize ?? undefined,
    pace,
  });
  for await (const chunk of chunks) yield* stepsOf(em, chunk, repairs, run.dryRun);
}

async function* stepsOf(
  em: SqlEntityManager,
  { drifts, last, checked, milliseconds }: VerifiedChunk,
  pace: RepairPace,
  dryRun: boolean,
): AsyncGenerator<Step> {
  const byCourse = Map.groupBy(drifts, ({ key }) => key[0] as Key);
  const courses = [...byCourse].map(([id, counts]) => ({ id, counts, place: counts[0]!.place }));
  const titles = await titlesOf(em, [...byCourse.keys()]);
  const checkedBefore = (index: number): number => (index === 0 ? 0 : courses[index - 1]!.place);
  let read: Step['read'] = { milliseconds, rows: checked };
  for (let next = 0; next < courses.length; read = null) {
    const first = next;
    yield {
      read,
      titles,
      async work(inner, attempt) {
        const some = courses.slice(first, first + pace.rowsOf(attempt));
        next = first + some.length;
        const changes = dryRun
          ? rehearsed(some.flatMap(({ counts }) => counts))
          : recordedChanges(
              await recountRows(
                inner,
                Course,
                some.map(({ id }) => [id]),
              ),
            );
        // By the time a course is locked, its counts may be right, or it may be gone.
        const drifted = new Set(changes.map(({ courseId }) => courseId)).size;
        return {
          changes,
          drifted,
          repaired: dryRun ? 0 : drifted,
          cursorId: some.at(-1)!.id,
          checked: checkedBefore(next) - checkedBefore(first),
        };
      },
      took: (took, tries) => pace.took(took, next - first, tries),
    };
  }
  const end = { changes: [], drifted: 0, repaired: 0 };
  yield {
    read,
    titles,
    work: () => Promise.resolve({ ...end, cursorId: last[0] as Key, checked: checked - checkedBefore(courses.length) }),
  };
}

function rehearsed(counts: readonly VerifiedCount[]): CourseChange[] {
  return recordedChanges(
    counts.map(({ counter, key, stored, actual }) => ({ counter, key, before: stored, after: actual })),
  );
}
