import { DefaultLogger, type LogContext, type LoggerOptions } from '@mikro-orm/core';
import { SpanKind, SpanStatusCode, type Span } from '@opentelemetry/api';
import { recordedSpan, tracer } from './tracing.js';

/**
 * The longest part of a statement's text in a trace, in characters: a statement for a thousand ids has a thousand
 * question marks.
 */
const MAX_STATEMENT_CHARACTERS = 2000;

/**
 * A statement that MikroORM has run; `took` is in milliseconds, and is missing for a statement that begins or ends a
 * transaction.
 */
type Statement = LogContext & { readonly query: string; readonly took?: number; readonly results?: number };

/** MikroORM's logger, which also adds a span for each statement to the active trace: its text, never its values. */
export class StatementTracer extends DefaultLogger {
  constructor(
    options: LoggerOptions,
    /** The name of the database system in OpenTelemetry, which is the scheme of its URL. */
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
      'db.query.text': query.slice(0, MAX_STATEMENT_CHARACTERS),
      ...(table !== undefined && { 'db.collection.name': table }),
      ...(results !== undefined && { 'db.response.returned_rows': results }),
    },
  });
  if (level === 'error') span.setStatus({ code: SpanStatusCode.ERROR });
  span.end(end);
}
