import { SpanKind } from "@opentelemetry/api";
import { type RequestHandler } from "express";
import { inSpan, remoteContext, shortWord } from "../../src/core/index.ts";

/** The span of a webhook, which goes on from the trace of who calls it. Stands behind the check of the secret: strangers make none. */
export const traceWebhook: RequestHandler = (request, response, next) => {
  const [, kind, name] = /^\/(actions|cron|events)\/([^/]+)$/u.exec(request.path) ?? [];
  if (kind === undefined) {
    next();
    return;
  }
  const attributes = () => ({
    "hasura_usage.handler": shortWord(name) ?? "",
    "http.request.method": request.method,
  });
  const from = remoteContext(request.headers);
  void inSpan(`${kind} handler`, { kind: SpanKind.SERVER, from, attributes }, async (span) => {
    if (!span.isRecording()) {
      next();
      return;
    }
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    next();
    await closed;
    span.setAttribute("http.response.status_code", response.statusCode);
  });
};
