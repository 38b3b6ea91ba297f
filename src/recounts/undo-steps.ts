import type { SqlEntityManager } from '@mikro-orm/sql';
import { adjust, CounterError } from 'mikro-orm-counters';
import type { Database } from '../database/database.js';
import { Course, shownKeysIn } from '../entities/index.js';
import { builderFor, rows } from '../database/query.js';
import type { Tables } from '../database/tables.js';
import { lastTakenBack, type RunRow } from './run.js';
import { recordedChanges, type Step, type StepResult } from './step.js';
import { titlesOf } from './titles.js';

/** How many changes are read at once. */
const CHANGES_PER_READ = 500;

/** Yields the steps of an undo from its cursor: one for each change of the run that it undoes. */
export async function* undoSteps(database: Database, run: RunRow): AsyncGenerator<Step> {
  const em = database.em.fork() as SqlEntityManager;
  let after = lastTakenBack(run) ?? 0;
  for (;;) {
    const start = performance.now();
    const query = builderFor(database)
      .selectFrom('core_recount_changes')
      .selectAll()
      .where('run_id', '=', run.undoneRunId!)
      .where('id', '>', after)
      .orderBy('id')
      .limit(CHANGES_PER_READ);
    const changes = await rows(database, query);
    if (changes.length === 0) return;
    const titles = await titlesOf(em, [...new Set(changes.map(({ course_id }) => course_id))]);
    let read: Step['read'] = { milliseconds: performance.now() - start, rows: changes.length };
    for (const change of changes) {
      yield {
        read,
        titles,
        work: async inner => ({ ...(await takeBack(inner, change)), cursorId: change.id, checked: 1 }),
      };
      read = null;
    }
    after = changes.at(-1)!.id;
  }
}

/** Undoes one change; not if a count would become negative, or the counter is no longer declared. */
async function takeBack(
  em: SqlEntityManager,
  { course_id, counter, count_before, count_after }: Tables['core_recount_changes'],
): Promise<Omit<StepResult, 'cursorId' | 'checked'>> {
  try {
    const changes = (await adjust(em, Course, [course_id], { [counter]: count_before - count_after })) ?? [];
    return { changes: recordedChanges(changes), drifted: 0, repaired: changes.length };
  } catch (error) {
    if (!(error instanceof CounterError) || !['COUNTER_UNDERFLOW', 'COUNTER_DECLARATION'].includes(error.code))
      throw error;
    return { changes: [], drifted: 0, repaired: 0, error: shownKeysIn(error.message) };
  }
}
