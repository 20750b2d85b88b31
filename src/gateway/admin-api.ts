import { type RequestHandler } from "express";
import type { Logger } from "../core/index.ts";
import type { Identity } from "./identity/types.ts";
import type { ClientAddress } from "./requests/client-address.ts";
import { identifyOrRefuse } from "./requests/identify.ts";
import { upstreamHeaders } from "./upstream/headers.ts";
import type { UpstreamPort } from "./upstream/types.ts";

export interface AdminApiDeps {
  readonly identity: Identity;
  readonly addressOf: ClientAddress;
  readonly upstream: UpstreamPort;
  readonly logger: Logger;
}

const paths: ReadonlySet<string> = new Set([
  "/v1/metadata",
  "/v1/query",
  "/v2/query",
  "/v1/graphql/explain",
  "/v1/version",
  "/v1alpha1/config",
]);

/** Hasura's own endpoints for holders of the admin secret; for everybody else they are not there. */
export const createAdminApi =
  ({ identity, addressOf, upstream, logger }: AdminApiDeps): RequestHandler =>
  async (request, response, next) => {
    if (!paths.has(request.path)) {
      next();
      return;
    }
    const address = addressOf(request);
    const identified = await identifyOrRefuse(identity, request, address, logger);
    if ("refused" in identified || identified.caller.kind !== "admin") {
      next();
      return;
    }
    // A statement of the administrator may take its time.
    request.socket.setTimeout(0);
    const forwarded = { address, encrypted: request.secure };
    upstream.administer(
      request,
      response,
      upstreamHeaders(request.headers, identified.upstreamHeaders, forwarded),
    );
  };
