import type { IncomingMessage } from "node:http";
import { HasuraError, type Logger } from "../../core/index.ts";
import type { Identified, Identity } from "../identity/types.ts";
import type { Refused } from "../stage.ts";
import { refusals, refuse } from "./refusal.ts";

/** Errors of identity as Hasura sends them, with 200, unless they are the gateway's own. */
export const identifyOrRefuse = async (
  identity: Identity,
  request: Pick<IncomingMessage, "headers">,
  address: string,
  logger: Logger,
): Promise<Identified | { readonly refused: Refused }> => {
  try {
    return await identity.identify({ headers: request.headers, address });
  } catch (error) {
    if (error instanceof HasuraError)
      return { refused: refuse(error.status ?? 200, error.code, error.message) };
    logger.error({ err: error }, "identity failed");
    return { refused: refusals.internal };
  }
};
