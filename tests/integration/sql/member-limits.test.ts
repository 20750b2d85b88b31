import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, setLimit, type Workspace } from "../../support/workspaces.ts";

let test: TestDatabase;
let workspace: Workspace;
let other: string;

beforeAll(async () => {
  test = await createTestDatabase({ maxConnections: 16 });
});
afterAll(async () => {
  await test.drop();
});

const createUser = async (): Promise<string> => {
  const id = randomUUID();
  await test.database.query("insert into public.users (id, email, display_name) values ($1, $2, 'Member')", [
    id,
    `${id}@example.com`,
  ]);
  return id;
};

beforeEach(async () => {
  workspace = await createWorkspace(test.database);
  other = await createUser();
});

const run = (text: string, ...values: readonly unknown[]) =>
  test.database.query<Record<string, unknown>>(text, [workspace.id, ...values]);

const limitMembers = (metric: string, value: number | null) =>
  run(
    `insert into billing.member_limits (workspace_id, metric, limit_value)
     values ($1, $2, $3)
     on conflict (workspace_id, metric) do update set limit_value = excluded.limit_value`,
    metric,
    value,
  );
const upload = (member: string | null, ...sizes: readonly number[]) =>
  run(
    `insert into public.files (workspace_id, uploader_id, name, size_bytes)
     select $1, $2, 'a.bin', size from unnest($3::bigint[]) size`,
    member,
    sizes,
  );
const send = async (member: string | null, count: number): Promise<void> => {
  await run(
    `insert into public.channels (workspace_id, name)
     select $1, 'talk' where not exists (select from public.channels where workspace_id = $1)`,
  );
  await run(
    `insert into public.messages (workspace_id, channel_id, user_id, body)
     select $1, c.id, $2, n::text from public.channels c, generate_series(1, $3) n where c.workspace_id = $1`,
    member,
    count,
  );
};
/** What the members have used, by the counters; and nothing may differ from a recount. */
const usedBy = async (metric: string): Promise<Readonly<Record<string, number>>> => {
  expect(await run("select * from usage.reconcile_members($1, false)")).toEqual([]);
  const rows = await run(
    "select member_id, used::integer as used from usage.member_current where workspace_id = $1 and metric = $2 and used <> 0",
    metric,
  );
  return Object.fromEntries(rows.map((row) => [String(row["member_id"]), Number(row["used"])]));
};
const refused = expect.objectContaining({ code: "23U01" });

describe("a limit of members", () => {
  it("holds for each member beside the workspace's; the tighter one refuses, and both count", async () => {
    await limitMembers("storage_bytes", 10);
    await setLimit(test.database, workspace.id, "storage_bytes", 15);
    await upload(workspace.owner, 10);
    await expect(upload(workspace.owner, 1)).rejects.toEqual(refused);
    await upload(other, 5);
    await expect(upload(other, 1)).rejects.toThrow("limit of 15 B for storage_bytes reached");
    expect(await usedBy("storage_bytes")).toEqual({ [workspace.owner]: 10, [other]: 5 });
    expect(
      await run("select used from usage.current where workspace_id = $1 and metric = 'storage_bytes'"),
    ).toEqual([{ used: "15" }]);
  });

  it("says in the refusal whose limit it was, and refuses the statement whole", async () => {
    await limitMembers("messages", 3);
    await send(other, 2);
    const refusal = await send(other, 2).then(
      () => null,
      (error: unknown) => error as { message: string; detail: string },
    );
    expect(refusal?.message).toBe("limit of 3 messages per member reached: 2 used, 2 more requested");
    expect(JSON.parse(refusal?.detail ?? "{}")).toMatchObject({
      allowed: false,
      reason: "usage-limit-exceeded",
      code: "usage-limit-exceeded",
      limitedBy: "member-limit",
      workspaceId: workspace.id,
      metric: "messages",
      amount: 2,
      used: 2,
      limit: 10_000,
      member: { memberId: other, used: 2, reserved: 0, limit: 3, remaining: 1 },
    });
    await send(other, 1);
    await send(null, 5);
    expect(await usedBy("messages")).toEqual({ [other]: 3 });
    expect(
      await run("select used from usage.current where workspace_id = $1 and metric = 'messages'"),
    ).toEqual([{ used: "8" }]);
  });

  it("comes from the plan, is replaced or lifted by the workspace's, and changes at once", async () => {
    await run(
      `insert into billing.plans (id, name, rank, rate_limit_per_minute, is_public)
       select 'team', 'Team', 200, 10, false where $1::uuid is not null`,
    );
    await run(
      "insert into billing.plan_limits (plan_id, metric, limit_value) select 'team', metric, 100 from unnest(array['storage_bytes', 'uploaded_bytes', 'files_uploaded']) metric where $1::uuid is not null",
    );
    await run(
      "insert into billing.member_limits (plan_id, metric, limit_value) select 'team', 'storage_bytes', 4 where $1::uuid is not null",
    );
    await upload(other, 3);
    expect(await usedBy("storage_bytes")).toEqual({});
    await run("insert into billing.subscriptions (workspace_id, plan_id) values ($1, 'team')");
    await expect(upload(other, 2)).rejects.toEqual(refused);
    await upload(other, 1);
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 4 });
    await limitMembers("storage_bytes", 6);
    await upload(other, 2);
    await expect(upload(other, 1)).rejects.toEqual(refused);
    await limitMembers("storage_bytes", null);
    await upload(other, 50);
    await run("delete from billing.member_limits where workspace_id = $1");
    await expect(upload(other, 1)).rejects.toEqual(refused);
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 56 });
    await run(
      "insert into billing.plan_graces (workspace_id, plan_id, ends_at) values ($1, 'free', now() + interval '1 day')",
    );
    await upload(other, 1);
  });

  it("finds what members had before it: a gauge begins with their rows, a counter with what follows", async () => {
    await upload(other, 6, 1);
    await send(other, 4);
    await limitMembers("storage_bytes", 10);
    await limitMembers("messages", 2);
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 7 });
    await expect(upload(other, 4)).rejects.toEqual(refused);
    await upload(other, 3);
    await send(other, 2);
    await expect(send(other, 1)).rejects.toEqual(refused);
    expect(await usedBy("messages")).toEqual({ [other]: 2 });
  });

  it("gives back what is deleted, softly too, and moves what changes its member", async () => {
    await limitMembers("storage_bytes", 10);
    await upload(workspace.owner, 4, 3);
    await upload(other, 2);
    await run("delete from public.files where workspace_id = $1 and size_bytes = 3");
    await run("update public.files set uploader_id = $2 where workspace_id = $1 and size_bytes = 4", other);
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 6 });
    await run("update public.files set size_bytes = 9 where workspace_id = $1 and size_bytes = 2").then(
      () => Promise.reject(new Error("13 of 10 were let through")),
      (error: unknown) => expect(error).toEqual(refused),
    );
    await run("update public.files set status = 'deleted' where workspace_id = $1 and size_bytes = 4");
    await run("update public.files set size_bytes = 9 where workspace_id = $1 and size_bytes = 2");
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 9 });
    // A user that goes leaves the file without an uploader.
    await run("delete from public.users where id = $2 and $1::uuid is not null", other);
    expect(await usedBy("storage_bytes")).toEqual({});
  });

  it("counts a move between members whose limit is not known yet, and a counter for the one it comes to", async () => {
    await upload(workspace.owner, 4);
    await limitMembers("messages", 5);
    await send(workspace.owner, 2);
    await run("update public.messages set user_id = $2 where workspace_id = $1", other);
    expect(await usedBy("messages")).toEqual({ [workspace.owner]: 2, [other]: 2 });
    await run(
      "insert into billing.member_limits (plan_id, metric, limit_value) select 'free', 'storage_bytes', 5 where $1::uuid is not null",
    );
    await run("update public.files set uploader_id = $2 where workspace_id = $1", other);
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 4 });
    await expect(upload(other, 2)).rejects.toEqual(refused);
    await run("delete from billing.member_limits where plan_id = 'free' and $1::uuid is not null");
  });

  it("goes with its workspace", async () => {
    await limitMembers("storage_bytes", 10);
    await upload(other, 4);
    await run("delete from public.workspaces where id = $1");
    expect(await run("select from usage.member_counters where workspace_id = $1")).toEqual([]);
  });

  it("is exact for sixteen clients that ask for more than there is", async () => {
    await limitMembers("storage_bytes", 20);
    await limitMembers("messages", 20);
    await send(null, 1);
    const attempts = Array.from({ length: 96 }, (_, n) => n);
    const answers = await Promise.allSettled(
      attempts.map((n) => {
        const member = n % 2 === 0 ? workspace.owner : other;
        return n % 4 < 2 ? upload(member, 1) : send(member, 1);
      }),
    );
    const failures = answers.flatMap((answer) =>
      answer.status === "rejected" ? [(answer.reason as { code: string }).code] : [],
    );
    expect(failures).toEqual(Array.from({ length: 16 }, () => "23U01"));
    const full = { [workspace.owner]: 20, [other]: 20 };
    expect([await usedBy("storage_bytes"), await usedBy("messages")]).toEqual([full, full]);
  });

  it("begins behind a writer that it cannot see yet", async () => {
    let begun: Promise<unknown> = Promise.resolve();
    let isOver = false;
    await test.database.transaction(async (tx) => {
      await tx.query(
        "insert into public.files (workspace_id, uploader_id, name, size_bytes) values ($1, $2, 'a', 4)",
        [workspace.id, other],
      );
      begun = limitMembers("storage_bytes", 10).finally(() => {
        isOver = true;
      });
      // It waits for this transaction, or is through without having counted it.
      await waitFor(
        "the limit to wait",
        async () =>
          isOver ||
          (await tx.query("select from pg_locks where not granted and pid <> pg_backend_pid()")).length > 0,
      );
    });
    await begun;
    expect(await usedBy("storage_bytes")).toEqual({ [other]: 4 });
  });

  it("begins exactly while others write and move", async () => {
    const work = Array.from({ length: 60 }, (_, n) => {
      if (n === 20) return limitMembers("storage_bytes", 1_000_000);
      if (n % 5 === 4)
        return run(
          `update public.files set uploader_id = $2
           where id = (select id from public.files where workspace_id = $1 order by id limit 1 for update skip locked)`,
          n % 2 === 0 ? workspace.owner : other,
        );
      return upload(n % 2 === 0 ? workspace.owner : other, n);
    });
    await Promise.all(work);
    const truth = await run(
      "select uploader_id as id, sum(size_bytes)::integer as bytes from public.files where workspace_id = $1 group by 1",
    );
    expect(await usedBy("storage_bytes")).toEqual(
      Object.fromEntries(truth.map((row) => [String(row["id"]), row["bytes"]])),
    );
  });

  it("is found again by a reconciliation after somebody edited it", async () => {
    await limitMembers("storage_bytes", 100);
    await limitMembers("messages", 100);
    await upload(other, 4);
    await send(other, 3);
    await run("update usage.member_counters set used = used + 5 where workspace_id = $1");
    const drifts = await run(
      "select metric, member_id, drift, repaired from usage.reconcile_members($1) order by metric",
    );
    expect(drifts).toEqual([
      { metric: "messages", member_id: other, drift: "5", repaired: true },
      { metric: "storage_bytes", member_id: other, drift: "5", repaired: true },
    ]);
    expect([await usedBy("messages"), await usedBy("storage_bytes")]).toEqual([
      { [other]: 3 },
      { [other]: 4 },
    ]);
  });
});

describe("attach_meter with a member", () => {
  it("counts any table, begins with its rows, survives a truncate and a rename, and ends with the meter", async () => {
    await run(
      "insert into usage.metrics (key, title, description, unit, kind, feed) select 'documents', 'Documents', '', 'count', 'gauge', 'rows' where $1::uuid is not null",
    );
    await setLimit(test.database, workspace.id, "documents", 100);
    await test.database.query(
      "create table public.documents (id int generated always as identity, tenant uuid, author uuid)",
    );
    await limitMembers("documents", 3);
    const write = (count: number) =>
      run(
        "insert into public.documents (tenant, author) select $1, $2 from generate_series(1, $3)",
        other,
        count,
      );
    await write(2);
    await test.database.query(
      "select usage.attach_meter('public.documents', 'documents', p_workspace => 'tenant', p_member => 'author')",
    );
    expect(await usedBy("documents")).toEqual({ [other]: 2 });
    await write(1);
    await expect(write(1)).rejects.toEqual(refused);
    await test.database.query("truncate public.documents");
    expect(await usedBy("documents")).toEqual({});
    await test.database.query("alter table public.documents rename to papers");
    await run("insert into public.papers (tenant, author) values ($1, $2)", other);
    expect(await usedBy("documents")).toEqual({ [other]: 1 });
    await test.database.query("select usage.detach_meter('public.papers', 'documents')");
    expect(await usedBy("documents")).toEqual({});
    await run("insert into public.papers (tenant, author) select $1, $2 from generate_series(1, 9)", other);
    await test.database.query("drop table public.papers");
  });

  it("refuses an expression that is no uuid, and a table without a meter", async () => {
    const say = (table: string, metric: string, expression: string) =>
      test.database.query("select usage.meter_members($1::regclass, $2, $3)", [table, metric, expression]);
    await expect(say("public.files", "storage_bytes", "name")).rejects.toThrow("is of type text, not uuid");
    await expect(say("public.files", "storage_bytes", "gen_random_uuid()")).rejects.toThrow(
      "member expression",
    );
    await expect(say("public.users", "members", "id")).rejects.toThrow('has no meter of "members"');
  });
});
