/**
 * The short way of a request: from Node's own server to the database and back, without Fastify's hooks and Apollo
 * Server's pipeline. It is for a known operation of a known viewer, about which nothing is left to find out, and does all
 * that the long way would do for it: limits, charges, log, metrics, headers. Everything else is left to the long way,
 * before anything was done; tests send requests both ways and compare the answers.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { channel } from 'node:diagnostics_channel';
import type { Viewer } from '../../access/viewer.js';
import { withinLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import type { KnownOperation } from '../../graphql/documents/known-operation.js';
import { isClientGone } from '../answers/answer-finished.js';
import type { RequestsInFlight } from '../drain.js';
import type { ClientAddressOf } from '../limits/client-address.js';
import type { LoadShedding } from '../limits/load-shedding.js';
import { Bill, rateLimited } from '../limits/rates/bill.js';
import { operationPoints, requestPoints } from '../limits/rates/prices.js';
import { payerOf, type RateLimits } from '../limits/rates/rate-limits.js';
import { rateHeaders, requestBytes } from '../limits/rates/request-charges.js';
import { watchReader } from '../limits/slow-readers.js';
import { limitOf } from '../limits/time-limits.js';
import { operationLabel } from '../observability/operation-label.js';
import { REQUEST_ID } from '../observability/request-id.js';
import type { BareRequest, FollowedRequests, RequestRecord } from '../observability/request-record.js';
import { Acceptance, GRAPHQL_PATH, type Accepted, type AcceptanceParts } from './acceptance.js';
import { tagOf } from './answer-head.js';
import { compressed, isLarge } from './compression.js';
import { failedAnswer, refusedAnswer, unexpectedAnswer, type Answer, type FailureParts } from './failed-answer.js';

/** Publishes each request that is answered the short way. */
export const shortAnswers = channel('rollcall:short-answer');

/** The parts of a server that the short way needs. */
export interface ShortWayParts extends AcceptanceParts, FailureParts {
  readonly requests: Pick<FollowedRequests, 'begin'>;
  readonly inFlight: RequestsInFlight;
  readonly load: LoadShedding;
  readonly contextOf: (viewer: Viewer | null) => Context;
  readonly limits: RateLimits | null;
  readonly clientAddressOf: ClientAddressOf;
  /** The headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The longest times, in seconds, for the work on a request, and for a client to take its answer. */
  readonly requestSeconds: number;
  readonly writeSeconds: number;
}

/** A request that is being answered. */
interface Exchange extends Pick<Accepted, 'encoding'> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly bare: BareRequest;
}

/** Handles a request, as Node's server calls it. */
type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Has a server answer the requests that are for the short way, and leave all others to its present handler. */
export function takeShortWay(server: Server, parts: ShortWayParts): void {
  const [longWay] = server.listeners('request') as [RequestHandler];
  server.off('request', longWay);
  server.on('request', handlerOf(parts, longWay));
}

function handlerOf(parts: ShortWayParts, longWay: RequestHandler): RequestHandler {
  const acceptance = new Acceptance(parts);
  const way = new ShortWay(parts);
  return (request, response) => {
    const begunAt = performance.now();
    if (!acceptance.mayTake(request)) return longWay(request, response);
    parts.inFlight.arrive(request, response);
    // By the next turn, the body has been read if it came together with the headers.
    setImmediate(() => {
      const accepted = request.complete ? acceptance.accept(request) : null;
      if (request.socket.destroyed) way.abandon(request, response, accepted, begunAt);
      else if (accepted) way.answer(request, response, accepted, begunAt);
      else longWay(request, response);
    });
  };
}

class ShortWay {
  readonly #head: readonly string[];
  readonly #labels = new WeakMap<KnownOperation, NonNullable<RequestRecord['operation']>>();

  constructor(private readonly parts: ShortWayParts) {
    this.#head = Object.entries(parts.headers).flat();
  }

  /** Records a request whose client has disconnected before anything was done for it. */
  abandon(request: IncomingMessage, response: ServerResponse, accepted: Accepted | null, begunAt: number): void {
    const { requests, inFlight } = this.parts;
    const { record, ready, over } = requests.begin(request, response, GRAPHQL_PATH, begunAt);
    if (accepted) this.#note(record, accepted);
    ready();
    over();
    inFlight.ready(request, response);
    inFlight.over(request, response);
  }

  /** Answers a request. */
  answer(request: IncomingMessage, response: ServerResponse, accepted: Accepted, begunAt: number): void {
    const { requests, inFlight, load, requestSeconds } = this.parts;
    if (shortAnswers.hasSubscribers) shortAnswers.publish(request);
    const bare = requests.begin(request, response, GRAPHQL_PATH, begunAt);
    const done = load.begin();
    const limit = limitOf(request, response, requestSeconds, () => {
      bare.over();
      inFlight.over(request, response);
      done();
    });
    this.#note(bare.record, accepted);
    const exchange = { request, response, bare, encoding: accepted.encoding };
    bare.within(() => withinLimit(limit, () => void this.#answerSafely(exchange, accepted)));
  }

  async #answerSafely(exchange: Exchange, accepted: Accepted): Promise<void> {
    const { response } = exchange;
    try {
      try {
        await this.#send(exchange, await this.#answerOf(exchange, accepted));
      } catch (error) {
        if (response.headersSent) throw error;
        await this.#send(exchange, unexpectedAnswer(error, accepted.contentType, this.parts));
      }
    } catch (error) {
      // The connection must not wait for ever.
      response.destroy(error as Error);
    }
  }

  /** Records what the log and the metrics tell of an operation. */
  #note(record: RequestRecord, { viewer, operation }: Accepted): void {
    record.isGraphql = true;
    record.viewer = viewer;
    record.operation = this.#labelOf(operation);
  }

  async #answerOf(
    { request, bare: { record } }: Exchange,
    { operation, viewer, assessment, contentType, cacheControl }: Accepted,
  ): Promise<Answer> {
    const { limits, clientAddressOf } = this.parts;
    const newContext = (): Context => this.parts.contextOf(viewer);
    let bill: Bill | null = null;
    if (limits) {
      bill = record.bill = new Bill(limits, payerOf(viewer, clientAddressOf(request)));
      const refusal = await bill.charge(requestPoints(requestBytes(request)));
      if (refusal) {
        this.#forget(record);
        return refusedAnswer(request, refusal);
      }
      const unpaid = await bill.charge(operationPoints(operation.text, assessment.cost), assessment.unusedBy);
      if (unpaid) {
        const head = { status: 429, headers: new Map([['retry-after', String(unpaid.retryAfter)]]) };
        const result = { errors: [rateLimited(unpaid, head)] };
        return failedAnswer({ request, operation, context: newContext(), result, contentType }, this.parts);
      }
    }
    const { context, result } = await operation.run(newContext, assessment.variables);
    if (result.errors) return failedAnswer({ request, operation, context, result, contentType }, this.parts);
    record.userErrorCodes.push(...context.userErrorCodes);
    if (bill) await bill.giveBack(result.data);
    const text = `{"data":${JSON.stringify(result.data)}}\n`;
    return { status: 200, text, cacheControl, head: ['content-type', contentType] };
  }

  /** Records that a request was refused before it was looked at. */
  #forget(record: RequestRecord): void {
    record.errorCodes.push('RATE_LIMITED');
    record.isGraphql = false;
    record.operation = null;
    record.viewer = null;
  }

  async #send(
    { request, response, bare: { record, ready }, encoding }: Exchange,
    { status, text, cacheControl, head }: Answer,
  ): Promise<void> {
    const { inFlight, writeSeconds } = this.parts;
    const isGet = request.method === 'GET';
    const headers = [REQUEST_ID, record.id, ...this.#head, 'cache-control', cacheControl];
    const standing = record.bill?.standing;
    if (standing) for (const [name, value] of Object.entries(rateHeaders(standing))) headers.push(name, value);
    if (isGet) headers.push('vary', 'Accept, Authorization, accept-encoding');
    let isKnown = false;
    if (isGet && status === 200 && cacheControl !== 'no-store') {
      const tagged = tagOf(request, text);
      headers.push('etag', tagged.tag);
      isKnown = tagged.isKnown;
    }
    let body: string | Buffer = isKnown ? '' : text;
    if (!isKnown) headers.push(...head);
    if (encoding !== null && isLarge(Buffer.byteLength(body))) {
      if (!isGet) headers.push('vary', 'accept-encoding');
      headers.push('content-encoding', encoding);
      const packed = compressed(text, encoding);
      body = packed instanceof Promise ? await packed : packed;
    }
    const mustSay = inFlight.ready(request, response);
    ready();
    if (isClientGone(request, response)) return;
    if (mustSay && inFlight.isLast(request, response)) headers.push('connection', 'close');
    headers.push('content-length', String(Buffer.byteLength(body)));
    response.writeHead(isKnown ? 304 : status, headers);
    response.end(body);
    if (!response.writableFinished && request.socket.writableLength > 0) watchReader(request, response, writeSeconds);
  }

  #labelOf(operation: KnownOperation): NonNullable<RequestRecord['operation']> {
    const known = this.#labels.get(operation);
    if (known) return known;
    const { node, document } = operation;
    const label = { type: node.operation, name: node.name?.value ?? null, field: operationLabel(node, document) };
    this.#labels.set(operation, label);
    return label;
  }
}
