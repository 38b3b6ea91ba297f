import { INVALID_SPAN_CONTEXT, SpanStatusCode, trace, type Span } from '@opentelemetry/api';

/** Makes Rollcall's spans; where the process has no SDK of OpenTelemetry, they are nothing. */
export const tracer = trace.getTracer('rollcall');

const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Gives the span that is active and recorded; undefined: whatever runs now is not traced. */
export function recordedSpan(): Span | undefined {
  const span = trace.getActiveSpan();
  return span?.isRecording() ? span : undefined;
}

/**
 * Runs work in a span under the active one; where nothing is traced, only runs it. A failure is named by its code, for
 * messages may hold values.
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
