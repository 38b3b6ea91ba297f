import { AsyncLocalStorage } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../graphql/errors/error-catalogue.js';
import { transactionRetries } from '../../transactions/transactions.js';
import type { Viewer } from '../../access/viewer.js';
import { isGone, onceOver } from '../answers/answer-over.js';
import { pathOf, refusalOf, RefusedRequest } from '../answers/refusals.js';
import type { Bill } from '../limits/rates/bill.js';
import type { Standing } from '../limits/rates/rate-limits.js';
import { REQUEST_ID } from './request-id.js';

/** Holds what becomes known of a request while it is served. */
export interface RequestRecord {
  readonly id: string;
  viewer: Viewer | null;
  /**
   * Is the GraphQL operation; `field` is its label, `name` what the client calls it. Null: there is none, or it is
   * invalid.
   */
  operation: { readonly type: string; readonly name: string | null; readonly field: string } | null;
  /** Tells that GraphQL has taken the request on, whatever came of it. */
  isGraphql: boolean;
  /** Lists the code of each error and each userError of the answer. */
  readonly errorCodes: string[];
  readonly userErrorCodes: string[];
  /** Counts transactions that were run again. */
  retries: number;
  /** What the request costs whoever asks; null: it is not charged. */
  bill: Bill | null;
}

/** Returns the record of a request of which nothing is known yet. */
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

/** Is a request that has come to its end. */
export interface EndedRequest extends RequestRecord {
  /** Null: it could not be read. */
  readonly method: string | null;
  /** Is the route's path; null: there is no such route. */
  readonly route: string | null;
  /** Is the path without its query string; null: it could not be read. */
  readonly path: string | null;
  readonly status: number;
  readonly milliseconds: number;
  /** Tells that the client left before it had the answer. */
  readonly aborted: boolean;
}

/** Gives the record of the request in whose course it is called; undefined elsewhere. */
export type CurrentRequest = () => RequestRecord | undefined;

/** A request that has begun, as what looks at its connection sees it. */
export interface BegunRequest {
  readonly id: string;
  /** How its payer stands by the limits of rates; null: it is not charged. */
  readonly standing: Standing | null;
  /** Returns true once all of it has come. */
  isWhole(): boolean;
  /** Returns true once its answer, or a part of it, is on its way. */
  isAnswered(): boolean;
  /** Notes that it is answered past Fastify. */
  answeredWith(answer: { readonly status: number; readonly code: ErrorCode }): void;
  /** Ends its connection after its answer. */
  endAfter(socket: Socket): void;
}

/** The HTTP requests of a server, each with its record. */
export interface FollowedRequests {
  readonly current: CurrentRequest;
  /** Returns the latest request on a connection that has not come to its end; undefined: there is none. */
  latestOn(socket: Socket): BegunRequest | undefined;
  /** Returns the record of a request. */
  recordOf(request: FastifyRequest): RequestRecord;
  /** Does work in the course of a request, before its handler does. */
  within<Result>(request: FastifyRequest, work: () => Result): Result;
}

/** What is known of a request until its end is told. */
interface State {
  readonly record: RequestRecord;
  /** Its answer is made, and may be on its way. */
  sent: boolean;
  closed: boolean;
  told: boolean;
  /** How it was answered past Fastify; null: it was not. */
  answered: { readonly status: number; readonly code: ErrorCode } | null;
}

/**
 * Follows each HTTP request, sends its id back, and tells `ended` once it is answered, or once the client has left and
 * the work is done. Errors that no handler expects are logged whole.
 */
export function followRequests(
  app: FastifyInstance,
  logger: FastifyBaseLogger,
  ended: readonly ((request: EndedRequest) => void)[],
): FollowedRequests {
  const storage = new AsyncLocalStorage<RequestRecord>();
  const states = new WeakMap<FastifyRequest, State>();
  const latest = new WeakMap<Socket, BegunRequest>();

  app.addHook('onRequest', (request, reply, done) => {
    const state: State = { record: newRecord(request.id), sent: false, closed: false, told: false, answered: null };
    states.set(request, state);
    reply.header(REQUEST_ID, request.id);
    const { socket } = request.raw;
    const begun = begunRequest(request, reply.raw, state);
    latest.set(socket, begun);
    onceOver(request.raw, reply.raw, () => {
      if (latest.get(socket) === begun) latest.delete(socket);
      state.closed = true;
      if (state.sent) end(request, reply.raw.statusCode, reply.elapsedTime, !reply.raw.writableFinished);
    });
    storage.run(state.record, done);
  });
  // Once more: what reads the body runs in no request's course.
  app.addHook('preHandler', (request, _reply, done) => storage.run(states.get(request)!.record, done));
  app.addHook('onError', (request, { raw }, error, done) => {
    // That its client left, before the end of a body or of an answer, is no error of the request.
    if (isGone(request.raw, raw) && (error.code === 'ERR_STREAM_PREMATURE_CLOSE' || !request.raw.complete))
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
    const state = states.get(request)!;
    // An answer that finds its client gone may become another one, of an error.
    if (state.told) return;
    state.told = true;
    const { method, originalUrl, routeOptions } = request;
    const { answered, record } = state;
    const whole: EndedRequest = {
      ...record,
      method,
      route: routeOptions.url ?? null,
      path: pathOf(originalUrl),
      status,
      milliseconds,
      aborted,
    };
    for (const tell of ended)
      tell(answered ? { ...whole, errorCodes: [answered.code], status: answered.status, aborted: false } : whole);
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
  };
}

function begunRequest({ id, raw }: FastifyRequest, response: ServerResponse, state: State): BegunRequest {
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
