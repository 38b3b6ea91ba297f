import pTimeout from 'p-timeout';

/** The error of a check that gave no sign of life for too long; its work may continue. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';

  constructor(milliseconds: number) {
    super(
      `No answer for ${milliseconds / 1000} s. Look for what holds it up: locks, a table that is being altered, a server that is overloaded.`,
    );
  }
}

/** Waits for work, but at most `limitMs` milliseconds after its last sign of life. Errors: NoAnswer; those of the work. */
export function withinCheckLimit<Result>(
  work: (alive: () => void) => Promise<Result>,
  limitMs: number,
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  return pTimeout(
    work(() => void timer?.refresh()),
    {
      milliseconds: limitMs,
      message: new NoAnswer(limitMs),
      customTimers: {
        setTimeout: ((late: () => void, ms: number) => (timer = setTimeout(late, ms))) as typeof setTimeout,
        clearTimeout,
      },
    },
  );
}
