import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  type AdminAnswer,
  askAsAdmin,
  ownSettings,
  postmasterPid,
  removeData,
  startCommand,
  type StartedCommand,
} from "../support/start-command.ts";

const limit = 400;
const clients = 16;
const crashes = 5;

let dataDir: string;
let env: Awaited<ReturnType<typeof ownSettings>>;
let command: StartedCommand;

beforeAll(async () => {
  env = await ownSettings("crash");
  dataDir = env.DATA_DIR;
});

afterAll(async () => {
  command.child.kill("SIGTERM");
  await command.exited();
  await removeData(dataDir);
});

const ask = (query: string, variables: object): Promise<AdminAnswer> => askAsAdmin(env, query, variables);

const setUp = `mutation ($user: uuid!, $workspace: uuid!, $email: String!, $slug: String!, $limit: bigint!) {
  insert_users_one(object: {id: $user, email: $email, display_name: "Owner"}) { id }
  insert_workspaces_one(object: {id: $workspace, name: "Crash", slug: $slug, owner_id: $user}) { id }
  insert_billing_limit_overrides_one(
    object: {workspace_id: $workspace, metric: "channels", limit_value: $limit, reason: "test"}
  ) { id }
}`;

const insertChannel = `mutation ($workspace: uuid!, $user: uuid!) {
  insert_channels_one(object: {workspace_id: $workspace, created_by: $user, name: "c"}) { id }
}`;

const count = `query ($workspace: uuid!) {
  channels_aggregate(where: {workspace_id: {_eq: $workspace}}) { aggregate { count } }
  usage_current(where: {workspace_id: {_eq: $workspace}, metric: {_eq: "channels"}}) { used }
}`;

describe("SIGKILL of Postgres and of every service in the middle of the traffic", () => {
  it("leaves the counter equal to the rows five times, and lets in exactly the limit", async () => {
    const [user, workspace] = [randomUUID(), randomUUID()];
    const accepted = new Set<string>();
    let refused = false;
    command = startCommand(env);
    await command.ready();
    const made = await ask(setUp, { user, workspace, email: `${user}@example.com`, slug: workspace, limit });
    expect(made.errors).toBeUndefined();

    /** Inserts until told to stop; a lost connection ends the client, as the crash would a real one. */
    const client = async (isOver: () => boolean): Promise<void> => {
      while (!isOver()) {
        const answer = await ask(insertChannel, { workspace, user }).catch(() => null);
        if (answer === null) return;
        if (answer.data) accepted.add((answer.data["insert_channels_one"] as { id: string }).id);
        else if (/limit of \d+ channels reached/u.test(answer.errors?.[0]?.message ?? "")) refused = true;
        if (refused) return;
      }
    };

    for (let crash = 1; crash <= crashes; crash += 1) {
      const target = accepted.size + Math.floor(limit / (crashes + 3));
      const pid = await postmasterPid(dataDir);
      let killed = false;
      const traffic = Promise.all(
        Array.from({ length: clients }, () => client(() => killed || accepted.size >= target + clients)),
      );
      const killer = (async () => {
        while (accepted.size < target && !refused) await new Promise((resolve) => setImmediate(resolve));
        process.kill(pid, "SIGKILL");
        command.child.kill("SIGKILL");
        killed = true;
      })();
      await Promise.all([killer, traffic]);
      await command.exited();

      command = startCommand(env);
      await command.ready();
      const { data } = await ask(count, { workspace });
      const rows = (data?.["channels_aggregate"] as { aggregate: { count: number } }).aggregate.count;
      const used = (data?.["usage_current"] as { used: number }[])[0]?.used;
      expect(used).toBe(rows);
      expect(rows).toBeGreaterThanOrEqual(accepted.size);
      expect(rows).toBeLessThanOrEqual(limit);
    }

    await Promise.all(Array.from({ length: clients }, () => client(() => false)));
    const { data } = await ask(count, { workspace });
    expect(data?.["channels_aggregate"]).toEqual({ aggregate: { count: limit } });
    expect(data?.["usage_current"]).toEqual([{ used: limit }]);
  }, 240_000);
});
