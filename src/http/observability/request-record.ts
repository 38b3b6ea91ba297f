import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { transactionRetries } from '../../transactions/transactions.js';
import type { Viewer } from '../../access/viewer.js';
import { isClientGone, onFinished } from '../answers/answer-finished.js';
import { refusalOf } from '../answers/refusals.js';
import { RefusedRequest } from '../answers/refused-request.js';
import { pathOf } from '../answers/request-path.js';
import type { Bill } from '../limits/rates/bill.js';
import type { Standing } from '../limits/rates/rate-limits.js';
import { REQUEST_ID, requestIdOf } from './request-id.js';

/**
 * The longest part of a path or an operation's name that logs and traces contain, in characters; clients choose them.
 */
export const MAX_LOGGED_CHARACTERS = 100;

/** What is known about a request while it is served. */
export interface RequestRecord {
  readonly id: string;
  viewer: Viewer | null;
  /**
   * The GraphQL operation; `field` is its label, `name` is the client's name for it. Null if there is none, or it is
   * invalid.
   */
  operation: { readonly type: string; readonly name: string | null; readonly field: string } | null;
  /** True once the request has reached GraphQL, whatever its result. */
  isGraphql: boolean;
  /** The codes of the errors in the answer, and of its userErrors. */
  readonly errorCodes: string[];
  readonly userErrorCodes: string[];
  /** The number of transactions that were run again. */
  retries: number;
  /** What the request costs its caller; null if it is not charged. */
  bill: Bill | null;
}

/** Returns the record of a request about which nothing is known yet. */
export function newRecord(id: string): RequestRecord {
  return {
    id,
    viewer: null,
    operation: null,
    isGraphql: false,
    errorCodes: [],
    userErrorCodes: [],
    retries: 0,
    bill: null,
  };
}

/** A request that has finished. */
export interface EndedRequest extends RequestRecord {
  /** Null if it could not be read. */
  readonly method: string | null;
  /** The path of the route; null if there is no such route. */
  readonly route: string | null;
  /** The path without the query string; null if it could not be read. */
  readonly path: string | null;
  readonly status: number;
  readonly milliseconds: number;
  /** True if the client disconnected before it had the answer. */
  readonly aborted: boolean;
}

/** Returns the record of the request during which it is called; undefined outside of requests. */
export type CurrentRequest = () => RequestRecord | undefined;

/** A request that has begun, seen from its connection. */
interface BegunRequest {
  readonly id: string;
  /** The rate standing of its payer; null if it is not charged. */
  readonly standing: Standing | null;
  /** Returns true once all of it has arrived. */
  readonly isWhole: () => boolean;
  /** Returns true once any part of its answer has been sent. */
  readonly isAnswered: () => boolean;
  /** Records that it is answered past Fastify. */
  readonly answeredWith: (answer: { readonly status: number; readonly code: ErrorCode }) => void;
  /** Closes its connection after its answer. */
  readonly endAfter: (socket: Socket) => void;
}

/** The HTTP requests of a server, each with its record. */
export interface FollowedRequests {
  readonly current: CurrentRequest;
  /** Returns the latest request on a connection that has not finished; undefined if there is none. */
  readonly latestOn: (socket: Socket) => BegunRequest | undefined;
  /** Returns the record of a request. */
  readonly recordOf: (request: FastifyRequest) => RequestRecord;
  /** Does work as a part of a request, before its handler runs. */
  readonly within: <Result>(request: FastifyRequest, work: () => Result) => Result;
  /** Follows a request that is answered without Fastify; call `over` when onFinished() says that it is over. */
  readonly begin: (request: IncomingMessage, response: ServerResponse, route: string, begunAt: number) => BareRequest;
}

/** A request that is answered without Fastify, and its record. */
export interface BareRequest {
  readonly record: RequestRecord;
  /** Does work as a part of the request. */
  readonly within: <Result>(work: () => Result) => Result;
  /** Records that the answer is complete and may be being sent. */
  readonly ready: () => void;
  /** Records that the answer was sent completely, or that the client has disconnected. */
  readonly over: () => void;
}

/** What is known about a request until it is reported as finished. */
interface RequestState {
  readonly record: RequestRecord;
  /** True once its answer is complete and may be being sent. */
  sent: boolean;
  closed: boolean;
  told: boolean;
  /** The answer that it got past Fastify; null if it got none. */
  answered: { readonly status: number; readonly code: ErrorCode } | null;
}

/**
 * Follows each HTTP request, sends its id back, and calls the functions in `ended` when it has been answered, or when
 * its client has disconnected and its work is done. Unexpected errors are logged completely.
 */
export function followRequests(
  app: FastifyInstance,
  logger: FastifyBaseLogger,
  ended: readonly ((request: EndedRequest) => void)[],
): FollowedRequests {
  const storage = new AsyncLocalStorage<RequestRecord>();
  const states = new WeakMap<FastifyRequest, RequestState>();
  const latest = new WeakMap<Socket, BegunRequest>();

  app.addHook('onRequest', (request, reply, done) => {
    const state = newState(request.id);
    states.set(request, state);
    reply.header(REQUEST_ID, request.id);
    const { socket } = request.raw;
    const begun = begunRequest(request.id, request.raw, reply.raw, state);
    latest.set(socket, begun);
    onFinished(request.raw, reply.raw, () => {
      if (latest.get(socket) === begun) latest.delete(socket);
      state.closed = true;
      if (state.sent) end(request, reply.raw.statusCode, reply.elapsedTime, !reply.raw.writableFinished);
    });
    storage.run(state.record, done);
  });
  // Once more, because the parsing of the body loses the request's context.
  app.addHook('preHandler', (request, _reply, done) => storage.run(states.get(request)!.record, done));
  app.addHook('onError', (request, { raw }, error, done) => {
    // A client that disconnects before the end of a body or of an answer is not an error of the request.
    if (isClientGone(request.raw, raw) && (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || !request.raw.complete))
      return done();
    const { record } = states.get(request)!;
    const { status, code } = refusalOf(error, request);
    record.errorCodes.push(code);
    if (status >= 500 && !(error instanceof RefusedRequest))
      logger.error({ requestId: record.id, err: error }, 'a request failed');
    return done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const state = states.get(request)!;
    state.sent = true;
    if (state.closed) end(request, reply.statusCode, reply.elapsedTime, true);
    done(null, payload);
  });

  function end(request: FastifyRequest, status: number, milliseconds: number, aborted: boolean): void {
    const { method, originalUrl, routeOptions } = request;
    const route = routeOptions.url ?? null;
    tell(states.get(request)!, { method, route, path: pathOf(originalUrl), status, milliseconds, aborted });
  }

  function tell(state: RequestState, ending: Omit<EndedRequest, keyof RequestRecord>): void {
    // If the client has disconnected, an answer may be replaced by one for an error, so this may be called twice.
    if (state.told) return;
    state.told = true;
    const { answered, record } = state;
    const whole: EndedRequest = { ...record, ...ending };
    for (const one of ended)
      one(answered ? { ...whole, errorCodes: [answered.code], status: answered.status, aborted: false } : whole);
  }

  function begin(request: IncomingMessage, response: ServerResponse, route: string, begunAt: number): BareRequest {
    const state = newState(requestIdOf(request));
    const { socket, method = '' } = request;
    const begun = begunRequest(state.record.id, request, response, state);
    latest.set(socket, begun);
    const report = (aborted: boolean): void =>
      tell(state, {
        method,
        route,
        path: route,
        status: response.statusCode,
        milliseconds: performance.now() - begunAt,
        aborted,
      });
    return {
      record: state.record,
      within: work => storage.run(state.record, work),
      ready() {
        state.sent = true;
        if (state.closed) report(true);
      },
      over() {
        if (latest.get(socket) === begun) latest.delete(socket);
        state.closed = true;
        if (state.sent) report(!response.writableFinished);
      },
    };
  }

  const recordOf = (request: FastifyRequest): RequestRecord => states.get(request)!.record;
  const countRetry = (): void => {
    const record = storage.getStore();
    if (record) record.retries += 1;
  };
  transactionRetries.subscribe(countRetry);
  app.addHook('onClose', (_app, done) => {
    transactionRetries.unsubscribe(countRetry);
    done();
  });
  return {
    current: () => storage.getStore(),
    latestOn: socket => latest.get(socket),
    recordOf,
    within: (request, work) => storage.run(recordOf(request), work),
    begin,
  };
}

function newState(id: string): RequestState {
  return { record: newRecord(id), sent: false, closed: false, told: false, answered: null };
}

function begunRequest(id: string, raw: IncomingMessage, response: ServerResponse, state: RequestState): BegunRequest {
  return {
    id,
    get standing() {
      return state.record.bill?.standing ?? null;
    },
    isWhole: () => raw.complete,
    isAnswered: () => response.headersSent || state.answered !== null,
    answeredWith(answer) {
      state.answered = answer;
    },
    endAfter(socket) {
      response.shouldKeepAlive = false;
      response.once('close', () => socket.destroySoon());
    },
  };
}
