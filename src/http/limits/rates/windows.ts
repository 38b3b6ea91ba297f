import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';

/** The state of one client's window of time, after points were taken or given back. */
export interface WindowState {
  /** True if the points were refused because none were left in the window before. */
  readonly isRefused: boolean;
  /** The points left in the window. */
  readonly left: number;
  /** The time until the next window begins, in milliseconds. */
  readonly resetsIn: number;
  /** True if these are the first points of the window. */
  readonly isFirst: boolean;
}

/** Windows of time, one for each client, with a number of points that the client may use in each. */
export interface Windows {
  /** Takes points from a client's window, atomically; null if the windows cannot be reached. */
  readonly take: (client: string, points: number) => Promise<WindowState | null>;
  /** Puts points back into the current window; null if there is no window, or it cannot be reached. */
  readonly giveBack: (client: string, points: number) => Promise<WindowState | null>;
}

/**
 * Takes points from a window and returns its state afterwards.
 *
 * They are granted as long as any point was left before, so that an operation that costs more than a whole window can
 * run at all. The points are added before the limit is checked, so that simultaneous requests exceed it by one of them
 * at most. Errors: those of the store that keeps the windows.
 */
export async function takeFrom(limiter: RateLimiterAbstract, client: string, points: number): Promise<WindowState> {
  const { isWithin, result } = await limiter.consume(client, points).then(
    granted => ({ isWithin: true, result: granted }),
    (refused: unknown) => {
      // A refusal is a result of the limiter; anything else is a failure of the store that keeps the windows.
      if (refused instanceof RateLimiterRes) return { isWithin: false, result: refused };
      throw refused;
    },
  );
  const before = result.consumedPoints - points;
  const isRefused = !isWithin && before >= limiter.points;
  return {
    isRefused,
    left: isWithin ? result.remainingPoints : 0,
    resetsIn: Math.max(0, result.msBeforeNext),
    isFirst: result.isFirstInDuration,
  };
}

/** Puts points back into a window and returns its state afterwards. */
export async function giveBackTo(limiter: RateLimiterAbstract, client: string, points: number): Promise<WindowState> {
  const given = await limiter.reward(client, points);
  // If a new window has begun meanwhile, it must not have more than its full points.
  const { remainingPoints, msBeforeNext, isFirstInDuration } =
    given.consumedPoints < 0 ? await limiter.penalty(client, -given.consumedPoints) : given;
  return { isRefused: false, left: remainingPoints, resetsIn: Math.max(0, msBeforeNext), isFirst: isFirstInDuration };
}
