import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { withinLimit } from '../../../database/time-limits/time-limit.js';
import type { Viewer } from '../../../access/viewer.js';
import { isClientGone } from '../../answers/answer-finished.js';
import type { ClientAddressOf } from '../client-address.js';
import { MAX_BODY_BYTES } from '../../answers/refusals.js';
import { RefusedRequest } from '../../answers/refused-request.js';
import { POLLED_ROUTES } from '../../observability/request-log.js';
import type { FollowedRequests } from '../../observability/request-record.js';
import { limitOf } from '../time-limits.js';
import { Bill } from './bill.js';
import { REQUEST_POINTS, requestPoints, UNPROVEN_TOKEN_POINTS } from './prices.js';
import { payerOf, type RateLimits, type Standing } from './rate-limits.js';

export interface Charging {
  readonly limits: RateLimits;
  readonly clientAddressOf: ClientAddressOf;
  /** Returns the viewer of a request; null if it has no token. Errors: those of an invalid token. */
  readonly viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
  /** Returns true if a request arrived after the server began to stop, and so is rejected. */
  readonly isLate: (request: FastifyRequest) => boolean;
  readonly requests: FollowedRequests;
  /** The longest time that finding a request's viewer may take, in seconds. */
  readonly seconds: number;
}

/**
 * Charges CORS preflight requests; call this before adding the rules for browsers, which answer them.
 *
 * A preflight is never refused, because the request after it may come from a viewer who has points left; if the address
 * has none, it is answered late.
 */
export function chargePreflights(app: FastifyInstance, { limits, clientAddressOf, requests }: Charging): void {
  // Other requests continue at once: a request that arrived before the server stops must not count as a late one.
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.method !== 'OPTIONS' || isPolled(request)) return done();
    const bill = new Bill(limits, payerOf(null, clientAddressOf(request.raw)));
    requests.recordOf(request).bill = bill;
    bill.chargeOrDelay(REQUEST_POINTS).then(() => done(), done);
  });
}

/**
 * Charges each request, except those to polled routes, and adds the payer's standing to the headers of each answer;
 * call this before adding anything that may reject a request, so that rejected requests are charged too.
 *
 * A request is charged before its body is read: to the viewer if its token is valid, otherwise to its address.
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
    const points = requestPoints(requestBytes(request.raw));
    // It is rejected as late, at once and not for its rate.
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

  /**
   * Returns the viewer of a request; null if its token is invalid, which is reported later, where a viewer is needed.
   */
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

/** Ends a request whose client has disconnected meanwhile: no work is begun for it, and its body would never arrive. */
function refuseGone(request: FastifyRequest, { raw }: FastifyReply): void {
  if (isClientGone(request.raw, raw)) throw new RefusedRequest(400, 'BAD_REQUEST', 'The client has disconnected.');
}

function isPolled({ routeOptions }: FastifyRequest): boolean {
  return POLLED_ROUTES.has(routeOptions.url ?? '');
}

/**
 * Returns the size of a request's body and URL, either of which may contain the query; a body of unknown size counts as
 * the largest one.
 */
export function requestBytes({ headers, url = '' }: IncomingMessage): number {
  const body = headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : MAX_BODY_BYTES;
  return Math.min(body, MAX_BODY_BYTES) + url.length;
}

/** Returns the headers of draft-ietf-httpapi-ratelimit-headers: the limit and the points left. */
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
 * Charges a request that is answered past Fastify, and returns the rate headers of its answer; nothing is charged if
 * `charging` is null.
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
