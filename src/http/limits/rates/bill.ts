import { GraphQLError } from 'graphql';
import type { ErrorCode } from '../../../graphql/errors/error-catalogue.js';
import type { Payer, RateLimits, Standing } from './rate-limits.js';

/** The refusal of a charge. */
export interface RateRefusal {
  readonly message: string;
  /** The seconds after which the charge can succeed. */
  readonly retryAfter: number;
}

/** The bill of a request, or of a subscription by WebSocket: the points that its caller pays. */
export class Bill {
  #requested = 0;
  #actual = 0;
  #standing: Standing | null = null;
  #unusedBy: ((data: unknown) => number) | null = null;

  constructor(
    private readonly limits: RateLimits,
    private readonly payer: Payer,
  ) {}

  /** All points that were requested. */
  get requested(): number {
    return this.#requested;
  }

  /** The points of the work that was granted, without those that were given back. */
  get actual(): number {
    return this.#actual;
  }

  /** The payer's standing after the last charge; null if nothing has been charged yet. */
  get standing(): Standing | null {
    return this.#standing;
  }

  /**
   * Charges points before the work that they pay for; returns why the work must not be done, or null. `unusedBy` returns
   * the points that the work did not use, from the data of its answer.
   */
  async charge(points: number, unusedBy: ((data: unknown) => number) | null = null): Promise<RateRefusal | null> {
    const whole = Math.ceil(points);
    this.#requested += whole;
    const standing = await this.limits.charge(this.payer, whole);
    this.#standing = standing;
    if (standing.isRefused) return rateRefusal(standing);
    this.#actual += whole;
    this.#unusedBy = unusedBy;
    return null;
  }

  /**
   * Gives back the points that an operation did not use, computed from the data of its complete answer, as long as the
   * window lasts that they were charged to.
   */
  async giveBack(data: unknown): Promise<void> {
    const unused = Math.floor(this.#unusedBy?.(data) ?? 0);
    if (unused === 0) return;
    this.#actual -= unused;
    this.#standing = await this.limits.giveBack(this.payer, unused, this.#standing!);
  }

  /** Charges points for work that is done in any case, but later if the payer has none left. */
  async chargeOrDelay(points: number): Promise<void> {
    this.#requested += points;
    this.#actual += points;
    this.#standing = await this.limits.delay(this.payer, points);
  }

  /** Charges points for work that is done already, even if the payer has none left. */
  async settle(points: number): Promise<void> {
    const whole = Math.ceil(points);
    if (whole === 0) return;
    this.#actual += whole;
    this.#standing = await this.limits.settle(this.payer, whole);
  }
}

/** Returns why a charge was refused, as the caller is told. */
function rateRefusal(standing: Standing): RateRefusal {
  const {
    limit,
    allowance: { points, seconds },
  } = standing;
  const retryAfter = Math.max(1, standing.resetsIn);
  const [who, way] =
    limit === 'viewer'
      ? ['You have', 'ask for less at once.']
      : ['Your address has', 'ask for less at once, or sign in.'];
  return {
    message: `${who} used up the ${points} points for ${seconds} s. Try again in ${retryAfter} s; ${way}`,
    retryAfter,
  };
}

/** Returns the error of an operation that was refused; `http` is the status and the headers of an HTTP answer. */
export function rateLimited(
  { message, retryAfter }: RateRefusal,
  http?: { readonly status: number; readonly headers: Map<string, string> },
): GraphQLError {
  return new GraphQLError(message, {
    extensions: { code: 'RATE_LIMITED' satisfies ErrorCode, retryAfter, ...(http && { http }) },
  });
}
