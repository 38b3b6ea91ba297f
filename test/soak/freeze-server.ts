import { setTimeout as delay } from 'node:timers/promises';
import type { FaultContext } from './fault.ts';

/** The time between two checks of a lock: of one that is taken at once, and of one that lasts, in milliseconds. */
const CHECK_MS = 20;
const CHECK_SLOWLY_MS = 100;

/**
 * Freezes a second server while it holds the locks of two courses; returns a function that waits until the database has
 * ended its transaction. To know that the server is in the middle of a transaction, another session locks the second
 * course: the server then waits for it and holds the lock of the first.
 */
export async function freezeSecondServer(context: FaultContext): Promise<() => Promise<void>> {
  const { database, courses } = context;
  // The first course has few seats.
  const [, first, second] = courses as [string, string, string];
  const another = await context.startAnother();
  const isLocked = async (): Promise<boolean> => {
    const rows = database.query(`select id from core_course where id = ${first} for update nowait`);
    return rows.then(
      () => false,
      (error: unknown) => {
        if ([1205, 3572].includes((error as { errno: number }).errno)) return true;
        throw error;
      },
    );
  };
  const { moved } = await context.load.undisturbed(async () => {
    const holder = await database.session();
    await holder.query('begin');
    await holder.query(`select id from core_course where id = ${second} for update`);
    let isDone = false;
    const moving = context.load.changes.moveThrough(another.url, first, second).finally(() => (isDone = true));
    while (!isDone && !(await isLocked())) await delay(CHECK_MS);
    if (isDone) {
      await moving;
      throw new Error(`A student was moved to course ${second} in spite of its lock.`);
    }
    another.freeze();
    // Now it gets the second lock too, without knowing.
    await holder.end();
    return { moved: moving };
  });
  const stop = context.load.repeat(1, () => context.load.changes.enrollIn(second));
  const free = (async () => {
    while (await isLocked()) await delay(CHECK_SLOWLY_MS);
  })();
  return async () => {
    // The database ends the transaction by itself, which ends the fault.
    await free;
    await stop();
    another.thaw();
    await moved;
    const code = await another.stop();
    if (code !== 0) context.problems.add(`the frozen server ended with ${code}`);
  };
}
