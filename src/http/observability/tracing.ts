import type { ApolloServerPlugin, GraphQLRequestListener } from '@apollo/server';
import {
  context,
  propagation,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context as TraceContext,
  type Span,
} from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { recordedSpan, tracer } from '../../database/tracing/tracing.js';
import type { Context } from '../../graphql/context.js';
import { operationLabel } from './operation-label.js';
import { onFinished } from '../answers/answer-finished.js';
import { POLLED_ROUTES } from './request-log.js';
import { MAX_LOGGED_CHARACTERS } from './request-record.js';

/**
 * Adds a span for each HTTP request, in the trace that its header traceparent names, and inside it a span for the
 * GraphQL operation; polled routes have none.
 */
export function traceRequests(app: FastifyInstance): void {
  const traced = new WeakMap<FastifyRequest, { readonly inRequest: TraceContext; operation?: Span }>();

  app.addHook('onRequest', (request, reply, done) => {
    const { method, id, headers, routeOptions } = request;
    const route = routeOptions.url;
    if (POLLED_ROUTES.has(route ?? '')) return done();
    const outside = propagation.extract(context.active(), headers);
    const span = tracer.startSpan(
      route === undefined ? method : `${method} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          'http.request.method': method,
          'rollcall.request_id': id,
          ...(route !== undefined && { 'http.route': route }),
        },
      },
      outside,
    );
    if (!span.isRecording()) return done();
    traced.set(request, { inRequest: trace.setSpan(outside, span) });
    onFinished(request.raw, reply.raw, () => {
      const { statusCode } = reply.raw;
      span.setAttribute('http.response.status_code', statusCode);
      if (statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    });
    return done();
  });

  // Not earlier, because the parsing of the body loses the request's context.
  app.addHook('preHandler', (request, _reply, done) => {
    const known = traced.get(request);
    if (!known) return done();
    if (request.routeOptions.url !== '/graphql') return context.with(known.inRequest, done);
    known.operation = tracer.startSpan('GraphQL', {}, known.inRequest);
    return context.with(trace.setSpan(known.inRequest, known.operation), done);
  });

  app.addHook('onSend', (request, _reply, payload, done) => {
    traced.get(request)?.operation?.end();
    done(null, payload);
  });
}

/**
 * Returns the Apollo plugin that sets the name of the operation's span and the codes of its errors, but not its
 * document and variables, which may contain private data.
 */
export function operationTracer(): ApolloServerPlugin<Context> {
  const listener: GraphQLRequestListener<Context> = {
    willSendResponse({ operation, document, contextValue, response: { body } }) {
      const span = recordedSpan();
      if (!span) return Promise.resolve();
      if (operation && document) {
        span
          .updateName(`${operation.operation} ${operationLabel(operation, document)}`)
          .setAttribute('graphql.operation.type', operation.operation);
        if (operation.name)
          span.setAttribute('graphql.operation.name', operation.name.value.slice(0, MAX_LOGGED_CHARACTERS));
      }
      if (contextValue.userErrorCodes.length > 0)
        span.setAttribute('rollcall.user_error_codes', [...contextValue.userErrorCodes]);
      const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
      if (errors.length > 0)
        span
          .setAttribute(
            'rollcall.error_codes',
            errors.map(({ extensions }) => String(extensions?.['code'])),
          )
          .setStatus({ code: SpanStatusCode.ERROR });
      return Promise.resolve();
    },
  };
  const listening = Promise.resolve(listener);
  return { requestDidStart: () => listening };
}
