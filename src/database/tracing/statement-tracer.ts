import { DefaultLogger, type LogContext, type LoggerOptions } from '@mikro-orm/core';
import { SpanKind, SpanStatusCode, type Span } from '@opentelemetry/api';
import { recordedSpan, tracer } from './tracing.js';

/** Limits the text of a statement in a trace, in characters: one for a thousand ids has as many question marks. */
const LONGEST = 2000;

/**
 * Is what MikroORM tells of a statement that it has run; `took` is in milliseconds, and left out for what opens and
 * closes transactions.
 */
type Statement = LogContext & { readonly query: string; readonly took?: number; readonly results?: number };

/**
 * Is MikroORM's logger, which also adds a span for each statement to the trace under way: its text, never its values.
 */
export class StatementTracer extends DefaultLogger {
  constructor(
    options: LoggerOptions,
    /** Names the database system as OpenTelemetry does, which is as its URL does. */
    private readonly system: string,
  ) {
    super(options);
  }

  override logQuery(statement: Statement): void {
    const parent = recordedSpan();
    if (parent) addSpan(parent, this.system, statement);
    super.logQuery(statement);
  }
}

function addSpan(parent: Span, system: string, { query, took, results, level }: Statement): void {
  if (took === undefined) {
    parent.addEvent(query);
    return;
  }
  const end = Date.now();
  const operation = /^\s*(\w+)/.exec(query)?.[1]?.toUpperCase() ?? 'SQL';
  const table = /\b(?:from|into|update)\s+[`"]?(\w+)/i.exec(query)?.[1];
  const span = tracer.startSpan(table === undefined ? operation : `${operation} ${table}`, {
    kind: SpanKind.CLIENT,
    startTime: end - took,
    attributes: {
      'db.system.name': system,
      'db.operation.name': operation,
      'db.query.text': query.slice(0, LONGEST),
      ...(table !== undefined && { 'db.collection.name': table }),
      ...(results !== undefined && { 'db.response.returned_rows': results }),
    },
  });
  if (level === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(end);
}
