import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Context,
  context,
  type ContextManager,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** The header of W3C, without what tests do not need of it. */
const traceparent: TextMapPropagator<unknown> = {
  fields: () => ["traceparent"],
  extract: (from, carrier, getter) => {
    const [, traceId, spanId] = String(getter.get(carrier, "traceparent") ?? "").split("-");
    if (traceId === undefined || spanId === undefined) return from;
    return trace.setSpanContext(from, { traceId, spanId, traceFlags: 1, isRemote: true });
  },
  inject: (from, carrier, setter) => {
    const span = trace.getSpanContext(from);
    if (span !== undefined) setter.set(carrier, "traceparent", `00-${span.traceId}-${span.spanId}-01`);
  },
};

/** As an SDK for Node has it: what is under way follows promises and timers. */
const createContextManager = (): ContextManager => {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...given) => storage.run(active, () => work.apply(self as never, given)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
};

export interface TestTracing {
  /** All that have ended, in that order. */
  spans(): readonly ReadableSpan[];
  stop(): void;
}

/** An SDK for this process that keeps its spans. */
export const startTestTracing = (): TestTracing => {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  context.setGlobalContextManager(createContextManager());
  propagation.setGlobalPropagator(traceparent);
  return {
    spans: () => exporter.getFinishedSpans(),
    stop: () => {
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
};
