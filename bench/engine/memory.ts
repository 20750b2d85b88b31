import { fork } from "node:child_process";
import { join } from "node:path";

import { projectRoot } from "../../src/cli/settings.ts";
import { atMost, type BenchGoal, type BenchRow } from "../support/index.ts";
import type { BenchWorkspace } from "./data.ts";
import type { MemoryPoint, MemoryTask } from "./memory-process.ts";

const points = 10;
const megabyte = 2 ** 20;

const measure = (
  env: Readonly<Record<string, string>>,
  task: MemoryTask,
  onPoint: (point: MemoryPoint) => void,
): Promise<readonly MemoryPoint[]> =>
  new Promise((resolve, reject) => {
    const child = fork(
      join(projectRoot, "bench", "support", "run-compiled.mjs"),
      ["bench/engine/memory-process.ts"],
      {
        env: { ...process.env, ...env },
        execArgv: [],
        stdio: ["ignore", 2, 2, "ipc"],
      },
    );
    const seen: MemoryPoint[] = [];
    child.on("message", (point) => {
      seen.push(point as MemoryPoint);
      onPoint(point as MemoryPoint);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code === 0 && seen.length === task.points) resolve(seen);
      else reject(new Error("the process whose memory was measured ended early"));
    });
    child.send(task);
  });

/**
 * Memory over queries that all differ, as a client without variables sends them. The engine is asked in its own process,
 * without a socket: HTTP has no part in what it keeps. The caches are full at the first point, so from there on the heap
 * after a collection must not grow.
 */
export const measureMemory = async (
  env: Readonly<Record<string, string>>,
  workspaces: readonly BenchWorkspace[],
  requests: number,
  log: (line: string) => void,
): Promise<{ readonly rows: readonly BenchRow[]; readonly goals: readonly BenchGoal[] }> => {
  const seen = await measure(env, { workspaces, requests, points }, ({ requests: count, heapBytes }) => {
    log(`${String(count)} queries: ${(heapBytes / megabyte).toFixed(1)} MB`);
  });
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined) throw new Error("nothing was measured");
  return {
    rows: seen.map((point) => ({
      operation: "memory",
      variant: `after ${String(point.requests)} distinct queries`,
      requestsPerSecond: point.perSecond,
      heapMb: point.heapBytes / megabyte,
      rssMb: point.rssBytes / megabyte,
    })),
    goals: [
      atMost(
        "memory",
        `heap after ${String(requests)} distinct queries, times that after a tenth of them`,
        1.1,
        last.heapBytes / first.heapBytes,
      ),
    ],
  };
};
