import type { ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

export interface InFlight {
  /** Counts the request until its answer is out or its client gone. */
  enter(response: ServerResponse): void;
  /** Whether an answer is under way on a connection, or due to a request that came whole. */
  isAnswering(socket: Duplex): boolean;
  readonly isStopping: boolean;
  /** From now on connections end with their answer; resolves when none is left, or the time is up. */
  drain(withinMs: number): Promise<void>;
}

export const createInFlight = (): InFlight => {
  let isStopping = false;
  let idle = (): void => undefined;
  const open = new Set<ServerResponse>();
  const endConnection = (response: ServerResponse): void => {
    if (!response.headersSent) response.setHeader("connection", "close");
  };
  return {
    get isStopping() {
      return isStopping;
    },
    enter: (response) => {
      open.add(response);
      if (isStopping) endConnection(response);
      response.once("close", () => {
        open.delete(response);
        if (open.size === 0) idle();
      });
    },
    isAnswering: (socket) => {
      for (const { req, headersSent } of open)
        if (req.socket === socket && (req.complete || headersSent)) return true;
      return false;
    },
    drain: async (withinMs) => {
      isStopping = true;
      for (const response of open) endConnection(response);
      if (open.size === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
};
