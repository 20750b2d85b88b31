import type { StageResult } from "../requests/run-stages.ts";
import type { ServerFrame } from "./server-frame.ts";

interface Running {
  readonly settle: StageResult["settle"];
  readonly startedAt: number;
  readonly bytesIn: number;
  firstAnswerAt: number | undefined;
  bytesOut: number;
  code: string | undefined;
}

export interface RunningOperations {
  readonly size: number;
  has(id: string): boolean;
  start(id: string, bytesIn: number, stages: StageResult): void;
  /** Notes what a frame carries for the client, and settles the operation that it ends. */
  note(frame: ServerFrame, bytes: number): void;
  end(id: string): void;
  endAll(): void;
}

const codeOf = (payload: unknown): string | undefined => {
  const list: unknown = Array.isArray(payload)
    ? payload
    : typeof payload === "object" && payload !== null && "errors" in payload
      ? payload.errors
      : undefined;
  const first: unknown = Array.isArray(list) ? list[0] : undefined;
  const code = (first as { extensions?: { code?: unknown } } | null | undefined)?.extensions?.code;
  return typeof code === "string" ? code : undefined;
};

/** The operations of one socket that were let through, each settled once. */
export const createRunningOperations = (): RunningOperations => {
  const running = new Map<string, Running>();

  const end = (id: string): void => {
    const operation = running.get(id);
    if (operation === undefined) return;
    running.delete(id);
    const until = operation.firstAnswerAt ?? performance.now();
    operation.settle({
      status: 200,
      code: operation.code,
      refusedBy: undefined,
      latencyMs: until - operation.startedAt,
      bytesIn: operation.bytesIn,
      bytesOut: operation.bytesOut,
    });
  };

  return {
    get size() {
      return running.size;
    },
    has: (id) => running.has(id),
    start: (id, bytesIn, { settle }) => {
      running.set(id, {
        settle,
        startedAt: performance.now(),
        bytesIn,
        firstAnswerAt: undefined,
        bytesOut: 0,
        code: undefined,
      });
    },
    note: ({ type, id, payload }, bytes) => {
      const operation = id === undefined ? undefined : running.get(id);
      if (id === undefined || operation === undefined) return;
      operation.bytesOut += bytes;
      operation.firstAnswerAt ??= performance.now();
      operation.code ??= codeOf(payload);
      if (type === "complete" || type === "error") end(id);
    },
    end,
    endAll: () => {
      for (const id of [...running.keys()]) end(id);
    },
  };
};
