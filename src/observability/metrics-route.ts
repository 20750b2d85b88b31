import { type RequestHandler } from "express";
import { type Registry } from "prom-client";
import { createSecretCheck, type Logger } from "../core/index.ts";

export interface MetricsRouteDeps {
  readonly registry: Registry;
  /** Asked for as a bearer token; without it only the machine itself may ask, and not through a proxy. */
  readonly token: string | undefined;
  readonly logger: Logger;
}

const isLoopback = (address: string | undefined): boolean =>
  address !== undefined && /^(?:127\.|::1$|::ffff:127\.)/u.test(address);

/** A proxy on this machine asks from loopback for everybody; it says so. */
const forwarding = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

/** `/metrics` in the text format of Prometheus. */
export const createMetricsRoute = ({ registry, token, logger }: MetricsRouteDeps): RequestHandler => {
  const isToken = token === undefined ? null : createSecretCheck(`Bearer ${token}`);
  return async (request, response) => {
    const allowed =
      isToken === null
        ? isLoopback(request.socket.remoteAddress) && !forwarding.some((name) => name in request.headers)
        : isToken(request.headers.authorization ?? "");
    if (!allowed) {
      response
        .status(isToken === null ? 403 : 401)
        .json({ error: "metrics are not for everybody", code: "access-denied" });
      return;
    }
    try {
      const text = await registry.metrics();
      response.set("cache-control", "no-store").type(registry.contentType).send(text);
    } catch (error) {
      logger.error({ err: error }, "metrics could not be collected");
      response.status(500).json({ error: "metrics could not be collected", code: "unexpected" });
    }
  };
};
