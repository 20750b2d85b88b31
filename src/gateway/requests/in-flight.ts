import type { IncomingMessage, ServerResponse } from "node:http";

export interface InFlight {
  /** Counts the request until its answer is out or its client gone. */
  enter(request: IncomingMessage, response: ServerResponse): void;
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
    enter: (_request, response) => {
      open.add(response);
      if (isStopping) endConnection(response);
      response.once("close", () => {
        open.delete(response);
        if (open.size === 0) idle();
      });
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
