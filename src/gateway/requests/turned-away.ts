import type { IncomingMessage } from "node:http";
import { type Logger, requestIdOf } from "../../core/index.ts";
import type { Caller } from "../caller.ts";
import type { GatewayObserver, Refused, TurnedAway } from "../stage.ts";

/** Tells the observers of a request that no stage gets to see. */
export type NoteTurnedAway = (
  by: TurnedAway["by"],
  refused: Pick<Refused, "status" | "code">,
  asked?: {
    readonly request: Pick<IncomingMessage, "headers" | "url">;
    readonly protocol?: TurnedAway["protocol"];
    readonly caller?: Caller;
  },
) => void;

export const createTurnedAwayNote =
  (observers: readonly GatewayObserver[], logger: Logger): NoteTurnedAway =>
  (by, { status, code }, asked) => {
    const target = asked?.request.url;
    const turnedAway: TurnedAway = {
      id: asked === undefined ? undefined : requestIdOf(asked.request.headers),
      protocol: asked?.protocol ?? "http",
      path: target?.split("?", 1)[0] ?? target,
      caller: asked?.caller,
      by,
      status,
      code,
    };
    for (const observer of observers) {
      try {
        observer.turnedAway?.(turnedAway);
      } catch (error) {
        logger.error({ err: error, stage: observer.name }, "an observer of the gateway failed");
      }
    }
  };
