import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { signToken } from "../../src/cli/sample.ts";
import { readSettings } from "../../src/cli/settings.ts";
import { defaultLeaseSettings } from "../../src/domain/lease/lease.ts";
import {
  askAsAdmin,
  ownSettings,
  removeData,
  startCommand,
  type StartedCommand,
} from "../support/start-command.ts";

/** What passed the door is counted, whatever became of the door: a lease is counted before it is used. */

const clients = 24;
const crashes = 2;
/** Counted ahead by a process that was killed: the step in use and the one that was drawn before it was empty. */
const oneLease = defaultLeaseSettings.maxStep * 1.5;

let env: Awaited<ReturnType<typeof ownSettings>>;
let command: StartedCommand;

beforeAll(async () => {
  env = await ownSettings("crash-gateway");
});
afterAll(async () => {
  command.child.kill("SIGTERM");
  await command.exited();
  await removeData(env.DATA_DIR);
});

const setUp = `mutation ($workspace: uuid!, $user: uuid!) {
  insert_users_one(object: {id: $user, email: "crash@example.com", display_name: "Crash"}) { id }
  insert_workspaces_one(object: {id: $workspace, name: "Crash", owner_id: $user}) { id }
  insert_workspace_members_one(object: {workspace_id: $workspace, user_id: $user, role: "owner"}) { user_id }
  insert_billing_limit_overrides(objects: [
    {workspace_id: $workspace, metric: "api_calls", limit_value: 1000000, reason: "test"}
    {workspace_id: $workspace, metric: "requests_per_minute", limit_value: null, reason: "test"}
  ]) { affected_rows }
}`;

const counted = `query ($workspace: uuid!) {
  usage_current(where: {workspace_id: {_eq: $workspace}, metric: {_eq: "api_calls"}}) { used }
  usage_api_calls(where: {workspace_id: {_eq: $workspace}}) { count }
}`;

interface Counted {
  readonly used: number;
  readonly summed: number;
}

const count = async (workspace: string): Promise<Counted> => {
  const { data } = await askAsAdmin(env, counted, { workspace });
  const [current] = data?.["usage_current"] as { used: number }[];
  const sums = data?.["usage_api_calls"] as { count: number }[];
  return { used: current?.used ?? 0, summed: sums.reduce((total, row) => total + row.count, 0) };
};

it("api_calls is never below what was answered after SIGKILL of the gateway, and above it by one lease at most", async () => {
  const workspace = randomUUID();
  const user = randomUUID();
  command = startCommand(env);
  await command.ready();
  expect((await askAsAdmin(env, setUp, { workspace, user })).errors).toBeUndefined();
  const token = await signToken(
    readSettings(env).secrets.jwtSecret,
    { userId: user, workspaceId: workspace },
    ["user"],
  );
  let asked = 0;
  let answered = 0;

  for (let crash = 1; crash <= crashes; crash += 1) {
    const target = answered + 1_500;
    let killed = false;
    const client = async (): Promise<void> => {
      while (!killed) {
        asked += 1;
        const answer = await fetch(`http://127.0.0.1:${env.PORT}/v1/graphql`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
          body: '{"query":"query Ping { __typename }"}',
        }).catch(() => undefined);
        if (answer?.status !== 200) return;
        answered += 1;
        if (answered >= target && !killed) {
          killed = true;
          command.child.kill("SIGKILL");
        }
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    await command.exited();

    command = startCommand(env);
    await command.ready();
    const { used, summed } = await count(workspace);
    expect(answered).toBeGreaterThanOrEqual(target);
    expect(used).toBeGreaterThanOrEqual(answered);
    // Each crash leaves a lease of its own; a request that was not answered may have been counted all the same.
    expect(used).toBeLessThanOrEqual(asked + crash * oneLease);
    // The sums lose at most the last quarter of a second, and never count twice.
    expect(summed).toBeGreaterThan(0);
    expect(summed).toBeLessThanOrEqual(asked);
  }
}, 240_000);
