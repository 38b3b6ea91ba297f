import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { transactionRetries } from '../services/transactions.js';
import type { Viewer } from '../services/viewer.js';
import { refusalOf } from './refusals.js';
import { REQUEST_ID } from './request-id.js';

/** Holds what becomes known of a request while it is served. */
export interface RequestRecord {
  readonly id: string;
  viewer: Viewer | null;
  /** Is the GraphQL operation; `field` is its label, `name` what the client calls it. Null: there is none, or it is invalid. */
  operation: { readonly type: string; readonly name: string | null; readonly field: string } | null;
  /** Tells that GraphQL has taken the request on, whatever came of it. */
  isGraphql: boolean;
  /** Lists the code of each error and each userError of the answer. */
  readonly errorCodes: string[];
  readonly userErrorCodes: string[];
  /** Counts transactions that were run again. */
  retries: number;
}

/** Is a request that has come to its end. */
export interface EndedRequest extends RequestRecord {
  readonly method: string;
  /** Is the route's path; null: there is no such route. */
  readonly route: string | null;
  /** Is the path without its query string. */
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
  /** Tells that the client left before it had the answer. */
  readonly aborted: boolean;
}

/** Gives the record of the request in whose course it is called; undefined elsewhere. */
export type CurrentRequest = () => RequestRecord | undefined;

/**
 * Follows each HTTP request, sends its id back, and tells `ended` once it is answered, or once the client has left and
 * the work is done. Errors that no handler expects are logged whole.
 */
export function followRequests(app: FastifyInstance, logger: FastifyBaseLogger, ended: readonly ((request: EndedRequest) => void)[]): CurrentRequest {
  const storage = new AsyncLocalStorage<RequestRecord>();
  const states = new WeakMap<FastifyRequest, { record: RequestRecord; sent: boolean; closed: boolean }>();

  app.addHook('onRequest', (request, reply, done) => {
    const record: RequestRecord = { id: request.id, viewer: null, operation: null, isGraphql: false, errorCodes: [], userErrorCodes: [], retries: 0 };
    const state = { record, sent: false, closed: false };
    states.set(request, state);
    reply.header(REQUEST_ID, request.id);
    reply.raw.once('close', () => {
      state.closed = true;
      if (state.sent) end(request, reply.raw.statusCode, reply.elapsedTime, !reply.raw.writableFinished);
    });
    done();
  });
  // Not before: what reads the body runs in no request's course.
  app.addHook('preHandler', (request, _reply, done) => storage.run(states.get(request)!.record, done));
  app.addHook('onError', (request, _reply, error, done) => {
    const { record } = states.get(request)!;
    const { status, code } = refusalOf(error, request);
    record.errorCodes.push(code);
    if (status >= 500) logger.error({ requestId: record.id, err: error }, 'a request failed');
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const state = states.get(request)!;
    state.sent = true;
    if (state.closed) end(request, reply.statusCode, reply.elapsedTime, true);
    done(null, payload);
  });

  function end(request: FastifyRequest, status: number, milliseconds: number, aborted: boolean): void {
    const { method, url, routeOptions } = request;
    const whole: EndedRequest = { ...states.get(request)!.record, method, route: routeOptions.url ?? null, path: url.split('?', 1)[0]!, status, milliseconds, aborted };
    for (const tell of ended) tell(whole);
  }

  const countRetry = (): void => {
    const record = storage.getStore();
    if (record) record.retries += 1;
  };
  transactionRetries.subscribe(countRetry);
  app.addHook('onClose', (_app, done) => {
    transactionRetries.unsubscribe(countRetry);
    done();
  });
  return () => storage.getStore();
}
