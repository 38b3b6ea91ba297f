/** Reports work that gave no sign of life for too long; it may still go on. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';

  constructor(milliseconds: number) {
    super(
      `No answer for ${milliseconds / 1000} s. Look for what holds it up: locks, a table that is being altered, a server that is overloaded.`,
    );
  }
}

/**
 * Waits for work, but no longer than `limit` milliseconds after its last sign of life. Errors: NoAnswer; those of the
 * work.
 */
export async function withinCheckLimit<Result>(
  work: (alive: () => void) => Promise<Result>,
  limit: number,
): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new NoAnswer(limit)), limit);
  try {
    return await Promise.race([work(() => void timer.refresh()), promise]);
  } finally {
    clearTimeout(timer);
  }
}
