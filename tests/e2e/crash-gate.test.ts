import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import {
  type AdminAnswer,
  askAsAdmin,
  ownSettings,
  postmasterPid,
  removeData,
  startCommand,
  type StartedCommand,
} from "../support/start-command.ts";

/** What the gate answered is on disk, what it did not answer counts at most once, and every key keeps its answer. */

const clients = 16;
const crashes = 2;

let dataDir: string;
let env: Awaited<ReturnType<typeof ownSettings>>;
let command: StartedCommand;

beforeAll(async () => {
  env = await ownSettings("crash-gate");
  dataDir = env.DATA_DIR;
});

afterAll(async () => {
  command.child.kill("SIGTERM");
  await command.exited();
  await removeData(dataDir);
});

const ask = (query: string, variables: object): Promise<AdminAnswer> => askAsAdmin(env, query, variables);

const setUp = `mutation ($workspace: uuid!) {
  insert_workspaces_one(object: {id: $workspace, name: "Crash"}) { id }
  insert_billing_limit_overrides_one(
    object: {workspace_id: $workspace, metric: "ai_queries", limit_value: 100000, reason: "test"}
  ) { id }
}`;

const consume = `mutation ($workspace: uuid!, $key: String!) {
  consumeUsage(workspaceId: $workspace, metric: "ai_queries", idempotencyKey: $key) { allowed used }
}`;

const count = `query ($workspace: uuid!) {
  usage_current(where: {workspace_id: {_eq: $workspace}, metric: {_eq: "ai_queries"}}) { used }
}`;

it("the gate keeps every answer through SIGKILL of Postgres and the services", async () => {
  const workspace = randomUUID();
  const asked = new Set<string>();
  const answered = new Map<string, unknown>();
  command = startCommand(env);
  await command.ready();
  expect((await ask(setUp, { workspace })).errors).toBeUndefined();

  for (let crash = 1; crash <= crashes; crash += 1) {
    const target = answered.size + 40;
    const pid = await postmasterPid(dataDir);
    let killed = false;
    const client = async (): Promise<void> => {
      while (!killed) {
        const key = randomUUID();
        asked.add(key);
        const answer = await ask(consume, { workspace, key }).catch(() => null);
        if (answer === null) return;
        if (answer.errors === undefined) answered.set(key, answer.data?.["consumeUsage"]);
        if (answered.size >= target && !killed) {
          killed = true;
          process.kill(pid, "SIGKILL");
          command.child.kill("SIGKILL");
        }
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    await command.exited();

    command = startCommand(env);
    await command.ready();
    const { data } = await ask(count, { workspace });
    const used = (data?.["usage_current"] as { used: number }[])[0]?.used;
    expect(used).toBeGreaterThanOrEqual(answered.size);
    expect(used).toBeLessThanOrEqual(asked.size);
    const again = [...answered.keys()].map((key) => ask(consume, { workspace, key }));
    expect((await Promise.all(again)).map((answer) => answer.data?.["consumeUsage"])).toEqual([
      ...answered.values(),
    ]);
  }

  await Promise.all([...asked].map((key) => ask(consume, { workspace, key })));
  const { data } = await ask(count, { workspace });
  expect(data?.["usage_current"]).toEqual([{ used: asked.size }]);
}, 240_000);
