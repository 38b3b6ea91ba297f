/**
 * The short way of a request: from Node's own server to the database and back, without Fastify's hooks and Apollo
 * Server's pipeline. It is for a known query of a known viewer, about which nothing is left to find out, and does all
 * that the long way would do for it: limits, charges, log, metrics, headers. Everything else is left to the long way,
 * before anything was done; tests send requests both ways and compare the answers.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { channel } from 'node:diagnostics_channel';
import { HeaderMap, type ApolloServerPlugin, type GraphQLRequestContextWillSendResponse } from '@apollo/server';
import { trace } from '@opentelemetry/api';
import type { ExecutionResult, GraphQLFormattedError } from 'graphql';
import type { Viewer } from '../../access/viewer.js';
import { withinLimit } from '../../database/time-limits/time-limit.js';
import type { Context } from '../../graphql/context.js';
import type { Assessment } from '../../graphql/costs/query-limits.js';
import type { KnownQueries, KnownQuery } from '../../graphql/documents/known-queries.js';
import { PUBLIC_MAX_AGE } from '../../graphql/cache-hints.js';
import { isClientGone } from '../answers/answer-finished.js';
import { repeatedHeader } from '../answers/header-mistakes.js';
import { responseTypeOf } from '../answers/response-type.js';
import type { RequestsInFlight } from '../drain.js';
import type { ClientAddressOf } from '../limits/client-address.js';
import type { LoadShedding } from '../limits/load-shedding.js';
import { Bill, rateLimited, type RateRefusal } from '../limits/rates/bill.js';
import { operationPoints, requestPoints } from '../limits/rates/prices.js';
import { payerOf, type RateLimits } from '../limits/rates/rate-limits.js';
import { rateHeaders, requestBytes } from '../limits/rates/request-charges.js';
import { watchReader } from '../limits/slow-readers.js';
import { limitOf } from '../limits/time-limits.js';
import { operationLabel } from '../observability/operation-label.js';
import { REQUEST_ID } from '../observability/request-id.js';
import type { BareRequest, FollowedRequests, RequestRecord } from '../observability/request-record.js';
import { tokenIn } from '../viewers/bearer.js';
import { contentTypeFor, tagOf } from './answer-head.js';
import { compressed, encodingFor, isLarge, type Encoding } from './compression.js';
import { formattedErrors } from './formatted-errors.js';
import { isPublicQuery } from './public-queries.js';
import { isUsual, queryInBody, queryInUrl, type SentQuery } from './sent-query.js';

const PATH = '/graphql';

/** Publishes each request that is answered the short way. */
export const shortAnswers = channel('rollcall:short-answer');

/** The parts of a server that the short way needs. */
export interface ShortWayParts {
  readonly queries: KnownQueries;
  /** Returns the text of a persisted query that a client has asked for by its hash before; undefined: ask Apollo. */
  readonly textOf: (hash: string) => string | undefined;
  readonly requests: Pick<FollowedRequests, 'begin'>;
  readonly inFlight: RequestsInFlight;
  readonly load: LoadShedding;
  readonly knownViewer: (token: string) => Viewer | undefined;
  readonly contextOf: (viewer: Viewer | null) => Context;
  readonly limits: RateLimits | null;
  readonly clientAddressOf: ClientAddressOf;
  readonly format: (formatted: GraphQLFormattedError, error: unknown) => GraphQLFormattedError;
  /** The plugins that complete an answer with errors. */
  readonly plugins: readonly ApolloServerPlugin<Context>[];
  /** The headers of every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether pages of other origins may read answers, which depends on the Origin header. */
  readonly hasCors: boolean;
  /** Whether a proxy is known, so that X-Forwarded-For is no surprise. */
  readonly trustsProxy: boolean;
  /** The longest times, in seconds, for the work on a request, and for a client to take its answer. */
  readonly requestSeconds: number;
  readonly writeSeconds: number;
}

/** What is known about a request before anything is done for it. */
interface Accepted {
  readonly query: KnownQuery;
  readonly viewer: Viewer | null;
  readonly assessment: Assessment;
  readonly contentType: string;
  /** The value of Cache-Control if there is no error. */
  readonly cacheControl: string;
  /** The encoding of a large answer. */
  readonly encoding: Encoding | null;
}

/** A request that is being answered. */
interface Exchange extends Pick<Accepted, 'encoding'> {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly bare: BareRequest;
}

/** Handles a request, as Node's server calls it. */
type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** Has a server answer the requests that are for the short way, and leave all others to its present handler. */
export function takeShortWay(server: Server, parts: ShortWayParts): void {
  const [longWay] = server.listeners('request') as [Handle];
  server.off('request', longWay);
  server.on('request', handlerOf(parts, longWay));
}

function handlerOf(parts: ShortWayParts, longWay: Handle): Handle {
  const way = new ShortWay(parts);
  return (request, response) => {
    const begunAt = performance.now();
    if (!way.mayTake(request)) return longWay(request, response);
    parts.inFlight.arrive(request, response);
    // By the next turn, the body has been read if it came together with the headers.
    setImmediate(() => {
      if (request.socket.destroyed) return way.abandon(request, response, begunAt);
      const accepted = request.complete ? way.accept(request) : null;
      if (accepted) way.answer(request, response, accepted, begunAt);
      else longWay(request, response);
    });
  };
}

class ShortWay {
  readonly #hosts = new Set<string>();
  readonly #head: readonly string[];
  readonly #public = new WeakMap<KnownQuery, boolean>();
  readonly #labels = new WeakMap<KnownQuery, NonNullable<RequestRecord['operation']>>();

  constructor(private readonly parts: ShortWayParts) {
    this.#head = Object.entries(parts.headers).flat();
  }

  /** Returns true if a request may go the short way, as far as its method, its address and its headers say. */
  mayTake(request: IncomingMessage): boolean {
    const { method, url = '', headers } = request;
    if (method === 'POST' ? url !== PATH : method !== 'GET' || !url.startsWith(`${PATH}?`)) return false;
    const { hasCors, trustsProxy, inFlight, load } = this.parts;
    if (!isUsual(request) || (hasCors && headers.origin !== undefined)) return false;
    if (headers['x-forwarded-for'] !== undefined && !trustsProxy) return false;
    return !inFlight.isClosing && !load.isOverloaded() && !isTraced() && this.#isValidHost(headers.host);
  }

  /** Returns what is known about a request that has arrived completely; null: it is left to the long way, unchanged. */
  accept(request: IncomingMessage): Accepted | null {
    const { method, url = '', headers } = request;
    if (repeatedHeader(request) !== undefined) return null;
    const viewer = this.#viewerOf(headers.authorization);
    const contentType = contentTypeFor(headers.accept);
    const encoding = encodingFor(headers['accept-encoding']);
    if (viewer === undefined || contentType === null || encoding === undefined) return null;
    if (method === 'GET') {
      if (headers['content-length'] !== undefined) return null;
      return this.#acceptQuery(queryInUrl(url.slice(PATH.length + 1)), viewer, { contentType, encoding }, request);
    }
    const body = request.read() as Buffer | null;
    if (!body) return null;
    const accepted = this.#acceptQuery(queryInBody(body), viewer, { contentType, encoding }, request);
    // As if nobody had read it.
    if (!accepted) request.unshift(body);
    return accepted;
  }

  #acceptQuery(
    sent: SentQuery | null,
    viewer: Viewer | null,
    form: Pick<Accepted, 'contentType' | 'encoding'>,
    { method }: IncomingMessage,
  ): Accepted | null {
    if (!sent) return null;
    const text = sent.hash === null ? sent.text : this.parts.textOf(sent.hash);
    // Whether a text and a hash belong together is for Apollo to find out.
    if (text == null || (sent.hash !== null && sent.text !== null)) return null;
    const query = this.parts.queries.find(text);
    if (!query) return null;
    if (sent.operationName !== null && sent.operationName !== query.operation.name?.value) return null;
    const cacheControl = method === 'GET' ? this.#cacheControl(query, viewer) : 'no-store';
    if (cacheControl === null) return null;
    const assessment = query.assess(sent.variables, viewer);
    return assessment && { ...form, query, viewer, assessment, cacheControl };
  }

  /** Records a request whose client has disconnected before anything was done for it. */
  abandon(request: IncomingMessage, response: ServerResponse, begunAt: number): void {
    const { requests, inFlight } = this.parts;
    const { record, ready, over } = requests.begin(request, response, PATH, begunAt);
    const accepted = request.complete ? this.accept(request) : null;
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
    const bare = requests.begin(request, response, PATH, begunAt);
    const done = load.begin();
    const limit = limitOf(request, response, requestSeconds, () => {
      bare.over();
      inFlight.over(request, response);
      done();
    });
    this.#note(bare.record, accepted);
    bare.within(() =>
      withinLimit(limit, () => {
        this.#run({ request, response, bare, encoding: accepted.encoding }, accepted).catch((error: unknown) => {
          // Nothing is known that could throw here; the connection must not wait for ever if something does.
          response.destroy(error as Error);
        });
      }),
    );
  }

  /** Records what the log and the metrics tell of an operation. */
  #note(record: RequestRecord, { viewer, query }: Accepted): void {
    record.isGraphql = true;
    record.viewer = viewer;
    record.operation = this.#labelOf(query);
  }

  async #run(exchange: Exchange, { query, viewer, assessment, contentType, cacheControl }: Accepted): Promise<void> {
    const { limits, clientAddressOf, contextOf } = this.parts;
    const { request, bare } = exchange;
    let bill: Bill | null = null;
    if (limits) {
      bill = bare.record.bill = new Bill(limits, payerOf(viewer, clientAddressOf(request)));
      const refusal = await bill.charge(requestPoints(requestBytes(request)));
      if (refusal) return this.#refuse(exchange, refusal);
    }
    const context = contextOf(viewer);
    context.select(query.selected);
    if (bill) {
      const unpaid = await bill.charge(operationPoints(query.text, assessment.cost), assessment.unusedBy);
      if (unpaid) {
        const head = { status: 429, headers: new Map([['retry-after', String(unpaid.retryAfter)]]) };
        return this.#fail(exchange, { errors: [rateLimited(unpaid, head)] }, query, context, contentType);
      }
    }
    const running = query.run(context, assessment.variables);
    const result = running instanceof Promise ? await running : running;
    if (result.errors) {
      // Which of several errors are told is for graphql itself to decide, and so is an error of the variables, which are
      // valid.
      if (result.errors.length === 1 && result.errors[0]!.path)
        return this.#fail(exchange, result, query, context, contentType);
      const again = contextOf(viewer);
      again.select(query.selected);
      return this.#fail(exchange, await query.runAgain(again, assessment.variables), query, again, contentType);
    }
    if (bill) await bill.giveBack(result.data);
    const text = `{"data":${JSON.stringify(result.data)}}\n`;
    return this.#send(exchange, { status: 200, text, cacheControl, head: ['content-type', contentType] });
  }

  /** Answers with errors, completed by the plugins that would complete the same answer of Apollo Server. */
  async #fail(
    exchange: Exchange,
    { data, errors = [] }: ExecutionResult,
    query: KnownQuery,
    contextValue: Context,
    contentType: string,
  ): Promise<void> {
    const { method, headers: given } = exchange.request;
    const { formatted, heads } = formattedErrors(errors, this.parts.format);
    const http: { status?: number; headers: HeaderMap } = { headers: new HeaderMap() };
    for (const { status, headers } of heads) {
      if (status !== undefined) http.status = status;
      for (const [name, value] of headers ?? []) http.headers.set(name, value);
    }
    const headers = new HeaderMap(
      Object.entries(given).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
    );
    const singleResult = { ...(data !== undefined && { data }), errors: formatted };
    const answer = {
      request: { http: { method, headers } },
      source: query.text,
      document: query.document,
      operation: query.operation,
      contextValue,
      response: { http, body: { kind: 'single', singleResult } },
    } as unknown as GraphQLRequestContextWillSendResponse<Context>;
    for (const plugin of this.parts.plugins) {
      const listener = await plugin.requestDidStart?.(answer);
      await listener?.willSendResponse?.(answer);
    }
    const { body } = answer.response;
    const single = body.kind === 'single' ? body.singleResult : {};
    const text = `${JSON.stringify({ errors: single.errors, data: single.data, extensions: single.extensions })}\n`;
    const head = ['content-type', contentType];
    let cacheControl = 'no-store';
    for (const [name, value] of http.headers)
      if (name === 'cache-control') cacheControl = value;
      else head.push(name, value);
    return this.#send(exchange, { status: http.status ?? 200, text, cacheControl, head });
  }

  /** Answers a request that is not even looked at, because its client has no points left. */
  #refuse(exchange: Exchange, { message, retryAfter }: RateRefusal): Promise<void> {
    const { record } = exchange.bare;
    record.errorCodes.push('RATE_LIMITED');
    record.isGraphql = false;
    record.operation = null;
    record.viewer = null;
    const text = JSON.stringify({ errors: [{ message, extensions: { code: 'RATE_LIMITED' } }] });
    const type = `${responseTypeOf(exchange.request.headers.accept)}; charset=utf-8`;
    const head = ['retry-after', String(retryAfter), 'content-type', type];
    return this.#send(exchange, { status: 429, text, cacheControl: 'no-store', head });
  }

  async #send(
    { request, response, bare: { record, ready }, encoding }: Exchange,
    { status, text, cacheControl, head }: Sent,
  ): Promise<void> {
    const { inFlight, writeSeconds } = this.parts;
    const isGet = request.method === 'GET';
    const headers = [REQUEST_ID, record.id, ...this.#head, 'cache-control', cacheControl];
    const standing = record.bill?.standing;
    if (standing) headers.push(...Object.entries(rateHeaders(standing)).flat());
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

  #viewerOf(authorization: string | undefined): Viewer | null | undefined {
    if (authorization === undefined) return null;
    try {
      const token = tokenIn(authorization);
      return token === null ? null : this.parts.knownViewer(token);
    } catch {
      return undefined;
    }
  }

  #cacheControl(query: KnownQuery, viewer: Viewer | null): string | null {
    if (viewer) return 'private, no-cache';
    let isPublic = this.#public.get(query);
    if (isPublic === undefined)
      this.#public.set(query, (isPublic = isPublicQuery(query.document, this.parts.queries.schema)));
    return isPublic ? `public, max-age=${PUBLIC_MAX_AGE}` : null;
  }

  #labelOf(query: KnownQuery): NonNullable<RequestRecord['operation']> {
    const known = this.#labels.get(query);
    if (known) return known;
    const { operation, document } = query;
    const label = {
      type: operation.operation,
      name: operation.name?.value ?? null,
      field: operationLabel(operation, document),
    };
    this.#labels.set(query, label);
    return label;
  }

  #isValidHost(host: string | undefined): boolean {
    if (host === undefined || host === '') return false;
    if (this.#hosts.has(host)) return true;
    if (!URL.canParse(`http://${host}/`)) return false;
    if (this.#hosts.size >= MAX_HOSTS) this.#hosts.clear();
    this.#hosts.add(host);
    return true;
  }
}

/** The most Host headers that are remembered as valid. */
const MAX_HOSTS = 100;

/** An answer, apart from the headers that all have. */
interface Sent {
  readonly status: number;
  readonly text: string;
  readonly cacheControl: string;
  /** The names and values of its other headers. */
  readonly head: readonly string[];
}

/** Returns true if this process is traced, so that each request has a span. */
function isTraced(): boolean {
  const provider = trace.getTracerProvider() as {
    readonly getDelegateTracer?: (name: string) => unknown;
  };
  return provider.getDelegateTracer?.('rollcall') !== undefined;
}
