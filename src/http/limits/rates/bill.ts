import { GraphQLError } from 'graphql';
import type { ErrorCode } from '../../../graphql/errors/error-catalogue.js';
import type { Payer, RateLimits, Standing } from './rate-limits.js';

/** Why a charge was refused. */
export interface RateRefusal {
  readonly message: string;
  /** The seconds after which it can be granted. */
  readonly retryAfter: number;
}

/** What a request, or a subscription of a WebSocket, costs whoever asks. */
export class Bill {
  #requested = 0;
  #actual = 0;
  #standing: Standing | null = null;
  #unusedBy: ((data: unknown) => number) | null = null;

  constructor(
    private readonly limits: RateLimits,
    private readonly payer: Payer,
  ) {}

  /** All points that were asked for. */
  get requested(): number {
    return this.#requested;
  }

  /** The points of what was granted, and so was done, without those that were given back. */
  get actual(): number {
    return this.#actual;
  }

  /** How the payer stood after the last charge; null: nothing was charged yet. */
  get standing(): Standing | null {
    return this.#standing;
  }

  /**
   * Charges points before the work that they stand for; returns why it must not be done, or null. `unusedBy` says what
   * the work did not take of them, from the data of its answer.
   */
  async charge(points: number, unusedBy: ((data: unknown) => number) | null = null): Promise<RateRefusal | null> {
    const whole = Math.ceil(points);
    this.#requested += whole;
    const standing = await this.limits.charge(this.payer, whole);
    this.#standing = standing;
    if (standing.isRefused) return refusalOf(standing);
    this.#actual += whole;
    this.#unusedBy = unusedBy;
    return null;
  }

  /**
   * Gives back what an operation did not take of its points, from the data of its whole answer, while the window lasts
   * that they were charged to.
   */
  async giveBack(data: unknown): Promise<void> {
    const unused = Math.floor(this.#unusedBy?.(data) ?? 0);
    if (unused === 0) return;
    this.#actual -= unused;
    this.#standing = await this.limits.giveBack(this.payer, unused, this.#standing!);
  }

  /** Charges points for work that is done in any case, only later where they are refused. */
  async chargeOrDelay(points: number): Promise<void> {
    this.#requested += points;
    this.#actual += points;
    this.#standing = await this.limits.delay(this.payer, points);
  }

  /** Charges points for work that is done already, though nothing may be left for them. */
  async settle(points: number): Promise<void> {
    const whole = Math.ceil(points);
    if (whole === 0) return;
    this.#actual += whole;
    this.#standing = await this.limits.settle(this.payer, whole);
  }
}

/** Returns why a charge was refused, in words. */
function refusalOf(standing: Standing): RateRefusal {
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

/** Returns the error of an operation that was refused; `http` is what the whole answer has, where it is one of HTTP. */
export function rateLimited(
  { message, retryAfter }: RateRefusal,
  http?: { readonly status: number; readonly headers: Map<string, string> },
): GraphQLError {
  return new GraphQLError(message, {
    extensions: { code: 'RATE_LIMITED' satisfies ErrorCode, retryAfter, ...(http && { http }) },
  });
}
