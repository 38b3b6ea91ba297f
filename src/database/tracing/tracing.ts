import { INVALID_SPAN_CONTEXT, SpanStatusCode, trace, type Span } from '@opentelemetry/api';

/** The tracer of Rollcall's spans; without an OpenTelemetry SDK in the process, they do nothing. */
export const tracer = trace.getTracer('rollcall');

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Returns the active span if it is recorded; undefined if the current work is not traced. */
export function recordedSpan(): Span | undefined {
  const span = trace.getActiveSpan();
  return span?.isRecording() ? span : undefined;
}

/**
 * Runs work in a child of the active span; without an active span, only runs it. A failure is recorded by its code,
 * because messages may contain values.
 */
export function inSpan<Result>(name: string, work: (span: Span) => Promise<Result>): Promise<Result> {
  if (!recordedSpan()) return work(NO_SPAN);
  return tracer.startActiveSpan(name, async span => {
    try {
      return await work(span);
    } catch (error) {
      const { code, name: kind } = error as { code?: unknown; name?: unknown };
      span.setAttribute('error.type', String(code ?? kind)).setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
