import type { IncomingMessage } from "node:http";
import ipaddr from "ipaddr.js";

export type ClientAddress = (request: IncomingMessage) => string;

/** One form for one address: `::ffff:10.0.0.1` is `10.0.0.1`. */
const normalised = (text: string): string | undefined => {
  const address = text.trim();
  return ipaddr.isValid(address) ? ipaddr.process(address).toString() : undefined;
};

/**
 * Who is at the other end, as told by as many proxies as are trusted: `x-forwarded-for` is read from its right end, one
 * entry for each of them, and what a client wrote further left is not believed.
 */
export const createClientAddress =
  (trustedHops: number): ClientAddress =>
  (request) => {
    const direct = normalised(request.socket.remoteAddress ?? "") ?? "unknown";
    if (trustedHops === 0) return direct;
    const given = request.headers["x-forwarded-for"];
    const told = (Array.isArray(given) ? given.join(",") : (given ?? "")).split(",").map(normalised);
    const hops = told.slice(-trustedHops);
    return hops.find((address) => address !== undefined) ?? direct;
  };
