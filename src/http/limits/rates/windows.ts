import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';

/** What has been taken of one client's window of time. */
export interface Taken {
  /** Whether the points were refused: nothing was left of the window before them. */
  readonly isRefused: boolean;
  /** What is left of the window, in points. */
  readonly left: number;
  /** How long until the next window begins, in milliseconds. */
  readonly resetsIn: number;
  /** Whether the window begins with these points. */
  readonly isFirst: boolean;
}

/** Windows of time, one for each client, in which each may use so many points. */
export interface Windows {
  /** Takes points of a client's window, in one step; null: the windows cannot be reached. */
  take(client: string, points: number): Promise<Taken | null>;
  /** Puts points back that were taken of the window that lasts; null: there is none that can be reached. */
  giveBack(client: string, points: number): Promise<Taken | null>;
}

/**
 * Takes points of a window and returns what that leaves.
 *
 * They are granted as long as anything is left before them, so that an operation which costs more than a whole window
 * can run at all; and adding comes before looking, so that requests at the same moment go over the limit by one of them
 * at most.
 */
export async function takeFrom(limiter: RateLimiterAbstract, client: string, points: number): Promise<Taken> {
  const { isWithin, result } = await limiter.consume(client, points).then(
    granted => ({ isWithin: true, result: granted }),
    (refused: unknown) => {
      // Only what the limiter says of a window; anything else is a failure of what keeps the windows.
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

/** Puts points back into a window and returns what that leaves. */
export async function giveBackTo(limiter: RateLimiterAbstract, client: string, points: number): Promise<Taken> {
  const given = await limiter.reward(client, points);
  // Where the window has begun anew on the way, it has no more than all its points.
  const { remainingPoints, msBeforeNext, isFirstInDuration } =
    given.consumedPoints < 0 ? await limiter.penalty(client, -given.consumedPoints) : given;
  return { isRefused: false, left: remainingPoints, resetsIn: Math.max(0, msBeforeNext), isFirst: isFirstInDuration };
}
