import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withinLimit } from '../../../database/time-limits/time-limit.js';
import type { Viewer } from '../../../access/viewer.js';
import { isGone } from '../../answers/answer-over.js';
import type { ClientAddressOf } from '../client-address.js';
import { BODY_LIMIT, RefusedRequest } from '../../answers/refusals.js';
import { POLLED } from '../../observability/request-log.js';
import type { FollowedRequests } from '../../observability/request-record.js';
import { limitOf } from '../time-limits.js';
import { Bill } from './bill.js';
import { REQUEST_POINTS, requestPoints, UNPROVEN_TOKEN_POINTS } from './prices.js';
import { payerOf, type RateLimits, type Standing } from './rate-limits.js';

export interface Charging {
  readonly limits: RateLimits;
  readonly clientAddressOf: ClientAddressOf;
  /** Returns who sent a request; null: nobody is signed in. Errors: for a token that proves nothing. */
  readonly viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
  /** Returns true where a request came as the server was stopping, and so is refused. */
  readonly isLate: (request: FastifyRequest) => boolean;
  readonly requests: FollowedRequests;
  /** How long finding out who sent a request may take, in seconds. */
  readonly seconds: number;
}

/**
 * Charges what a browser asks before it sends a request of a page (CORS); to be called before the rules for browsers,
 * which answer it.
 *
 * It is never refused, because the request after it may be of a viewer who has points left; where the address has none,
 * it is answered late.
 */
export function chargePreflights(app: FastifyInstance, { limits, clientAddressOf, requests }: Charging): void {
  // Other requests go on at once: those that come before the server stops are not to be taken for later ones.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method !== 'OPTIONS' || isPolled(request)) return done();
    const bill = new Bill(limits, payerOf(null, clientAddressOf(request.raw)));
    requests.recordOf(request).bill = bill;
    bill.chargeOrDelay(REQUEST_POINTS).then(() => done(), done);
  });
}

/**
 * Charges each request, except those of what is polled, and says in the header of each answer how the payer stands; to
 * be called before all that may refuse a request, so that refusals are charged too.
 *
 * A request is charged before its body is read: to the viewer whom its token proves, and to its address where there is
 * no token, or one that proves nothing.
 */
export function chargeRequests(
  app: FastifyInstance,
  { limits, clientAddressOf, viewerOf, isLate, requests, seconds }: Charging,
): void {
  app.addHook('onRequest', async (request, reply) => {
    const record = requests.recordOf(request);
    if (record.bill || isPolled(request)) return;
    const hasToken = request.headers.authorization !== undefined && !isLate(request);
    const viewer = hasToken ? await provenBy(request, reply.raw) : null;
    const bill = new Bill(limits, payerOf(viewer, clientAddressOf(request.raw)));
    record.bill = bill;
    const points = requestPoints(bytesOf(request.raw));
    // Refused for that alone, and at once.
    if (isLate(request)) return bill.settle(points);
    const refusal = await bill.charge(points + (hasToken && viewer === null ? UNPROVEN_TOKEN_POINTS : 0));
    refuseGone(request, reply);
    if (!refusal) return;
    reply.header('retry-after', refusal.retryAfter);
    throw new RefusedRequest(429, 'RATE_LIMITED', refusal.message);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const standing = requests.recordOf(request).bill?.standing;
    if (standing) reply.headers(rateHeaders(standing));
    return payload;
  });
  app.addHook('onClose', () => Promise.resolve(limits.close()));

  /** Returns the viewer of a request; null: its token proves none, which the request is told of where it matters. */
  async function provenBy(request: FastifyRequest, response: ServerResponse): Promise<Viewer | null> {
    const limit = limitOf(request.raw, response, seconds);
    try {
      return await requests.within(request, () => withinLimit(limit, () => viewerOf(request)));
    } catch {
      return null;
    } finally {
      limit.end();
    }
  }
}

/** Ends a request whose client has left meanwhile: nothing is begun for it, and its body would never come. */
function refuseGone(request: FastifyRequest, { raw }: FastifyReply): void {
  if (isGone(request.raw, raw)) throw new RefusedRequest(400, 'BAD_REQUEST', 'The client has gone.');
}

function isPolled({ routeOptions }: FastifyRequest): boolean {
  return POLLED.has(routeOptions.url ?? '');
}

/**
 * Returns the size of what a request asks, whose query is in the body or in the address; a body whose size is not told
 * counts as the largest.
 */
function bytesOf({ headers, url = '' }: IncomingMessage): number {
  const body = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : BODY_LIMIT;
  return Math.min(body, BODY_LIMIT) + url.length;
}

/** Returns the headers of draft-ietf-httpapi-ratelimit-headers: the limit, and what is left of it. */
export function rateHeaders({
  limit,
  allowance: { points, seconds },
  left,
  resetsIn,
}: Standing): Record<string, string> {
  const policy = { 'ratelimit-policy': `"${limit}";q=${points};w=${seconds};qu="points"` };
  return left === null ? policy : { ...policy, ratelimit: `"${limit}";r=${left};t=${resetsIn}` };
}

/**
 * Charges a request that is answered past Fastify, and returns the headers of its answer that say how its address
 * stands; null: nothing is charged.
 */
export async function rateHeadersOf(
  charging: Pick<Charging, 'limits' | 'clientAddressOf'> | null,
  request: IncomingMessage,
): Promise<Record<string, string>> {
  if (!charging) return {};
  const bill = new Bill(charging.limits, payerOf(null, charging.clientAddressOf(request)));
  await bill.settle(REQUEST_POINTS);
  return bill.standing ? rateHeaders(bill.standing) : {};
}
