/**
 * Spans of OpenTelemetry, by its API alone: with an SDK in the process they are recorded, without one a span costs a look at
 * whether there is anybody. Owns when a span is made and what never stands in one; what it is called is its maker's.
 */
export type { Context as TraceContext } from "@opentelemetry/api";
export { currentContext, detached, inChildSpan, inSharedSpan, inSpan, type SpanInput } from "./spans.ts";
export { errorTypeOf, shortWord } from "./attributes.ts";
export { injectTrace, remoteContext } from "./propagation.ts";
