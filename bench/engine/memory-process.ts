import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { openBenchEngine } from "./bench-engine.ts";
import type { BenchWorkspace } from "./data.ts";

/** What the parent asks of this process, and what it tells for each point. */
export interface MemoryTask {
  readonly workspaces: readonly BenchWorkspace[];
  readonly requests: number;
  readonly points: number;
}

export interface MemoryPoint {
  readonly requests: number;
  readonly heapBytes: number;
  readonly rssBytes: number;
  readonly perSecond: number;
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const atOnce = 16;

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Every request has another text: other aliases, and every second one a literal instead of a variable. */
const requestOf = (index: number, { messageId }: BenchWorkspace) =>
  index % 2 === 0
    ? {
        query: `query Q($id: uuid!) { m${String(index)}: messages_by_pk(id: $id) { id b${String(index)}: body } }`,
        variables: { id: messageId },
      }
    : { query: `{ m${String(index)}: messages_by_pk(id: "${messageId}") { id created_at } }` };

const run = async ({ workspaces, requests, points }: MemoryTask): Promise<void> => {
  const { engine, close } = await openBenchEngine(atOnce);
  let next = 0;
  const ask = async (until: number): Promise<void> => {
    while (next < until) {
      const index = next;
      next += 1;
      const workspace = workspaces[index % workspaces.length];
      if (workspace === undefined) throw new Error("no workspace to ask for");
      const variables = {
        "x-hasura-role": "user",
        "x-hasura-workspace-id": workspace.workspaceId,
        "x-hasura-user-id": workspace.userId,
      };
      const text = await engine.execute(requestOf(index, workspace), {
        role: "user",
        variables,
        isAdmin: false,
        backendOnly: false,
      });
      if (!text.startsWith(`{"data":{"m${String(index)}":{`)) throw new Error(text.slice(0, 400));
    }
  };
  let from = performance.now();
  for (let point = 1; point <= points; point += 1) {
    const before = next;
    const until = Math.round((requests * point) / points);
    await Promise.all(Array.from({ length: atOnce }, () => ask(until)));
    const perSecond = (until - before) / ((performance.now() - from) / 1000);
    await settled();
    collectGarbage();
    const { heapUsed, rss } = process.memoryUsage();
    process.send?.({ requests: until, heapBytes: heapUsed, rssBytes: rss, perSecond } satisfies MemoryPoint);
    from = performance.now();
  }
  await close();
};

process.on("disconnect", () => process.exit(0));
process.once("message", (task) => {
  run(task as MemoryTask).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
