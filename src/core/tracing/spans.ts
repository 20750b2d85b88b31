import {
  type Attributes,
  type Context,
  context,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { errorTypeOf } from "./attributes.ts";

export interface SpanInput {
  readonly kind?: SpanKind;
  /** What it goes on from; else what is under way here. */
  readonly from?: Context;
  /** Others whom the work is for. */
  readonly links?: readonly Context[];
  /** Asked for only when the span is recorded. */
  readonly attributes?: () => Attributes;
}

// A handle: it finds the SDK when a span is made, however late that one came.
const tracer = trace.getTracer("hasura-usage");

const optionsOf = ({ kind = SpanKind.INTERNAL, links }: SpanInput): SpanOptions =>
  links === undefined
    ? { kind }
    : {
        kind,
        links: links.flatMap((other) => {
          const linked = trace.getSpanContext(other);
          return linked === undefined ? [] : [{ context: linked }];
        }),
      };

const fail = (span: Span, error: unknown): void => {
  span.setAttribute("error.type", errorTypeOf(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
};

/** Runs the work with its span as the one under way; the span ends with it, or with the promise that it gives. */
export const inSpan = <T>(name: string, input: SpanInput, work: (span: Span) => T): T => {
  const from = input.from ?? context.active();
  const span = tracer.startSpan(name, optionsOf(input), from);
  // Nobody records and nobody asked from elsewhere: there is nothing to hand on.
  if (span.spanContext().traceId === INVALID_TRACEID) return work(span);
  if (span.isRecording() && input.attributes !== undefined) span.setAttributes(input.attributes());
  let result: T;
  try {
    result = context.with(trace.setSpan(from, span), work, undefined, span);
  } catch (error) {
    fail(span, error);
    throw error;
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  return result.then(
    (value: unknown) => {
      span.end();
      return value;
    },
    (error: unknown) => {
      fail(span, error);
      throw error;
    },
  ) as T;
};

/** A span only where another is under way: work that nobody traces, as that of background loops, makes none. */
export const inChildSpan = <T>(name: string, input: SpanInput, work: (span?: Span) => T): T =>
  trace.getActiveSpan() === undefined ? work() : inSpan(name, input, work);

/** Work that several asked for at once: its span goes on from the first of theirs and is linked to all. */
export const inSharedSpan = <T>(name: string, askers: readonly Context[], work: () => T): T => {
  const traced = askers.filter((asker) => trace.getSpan(asker) !== undefined);
  const [first] = traced;
  // Whoever happens to be under way here did not ask for it.
  if (first === undefined) return detached(work);
  return inSpan(
    name,
    {
      from: first,
      links: traced,
      attributes: () => ({ "hasura_usage.batch_size": askers.length }),
    },
    work,
  );
};

/** What is under way here, to be gone on from elsewhere. */
export const currentContext = (): Context => context.active();

/** Runs what is nobody's in particular, whoever set it off. */
export const detached = <T>(work: () => T): T => context.with(ROOT_CONTEXT, work);
