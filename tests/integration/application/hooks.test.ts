import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import { silentLogger, systemClock } from "../../../src/core/index.ts";
import { createAccessStore } from "../../../src/domain/access/index.ts";
import { createAccess } from "../../../src/gateway/index.ts";
import { createListener } from "../../../src/postgres/index.ts";
import { createTestDatabase, type TestDatabase } from "../../support/database.ts";
import { createProductDatabase, readHookDefault } from "../../support/product-series.ts";
import { waitFor } from "../../support/wait-for.ts";

let test: TestDatabase;
const workspaceId = randomUUID();

beforeAll(async () => {
  test = await createProductDatabase();
  await test.database.query("insert into public.tenants (id) values ($1)", [workspaceId]);
}, 60_000);

afterAll(() => test.drop());

const roleOf = async (workspace: string | null, user: string | null): Promise<string | null> => {
  const [row] = await test.database.query<{ role: string | null }>(
    "select usage.member_role($1, $2) as role",
    [workspace, user],
  );
  return row?.role ?? null;
};

describe("usage.member_role without a table of members", () => {
  it("makes a user of an existing workspace a member, and never more", async () => {
    expect(await roleOf(workspaceId, randomUUID())).toBe("member");
  });

  it("knows no member of an unknown workspace, and none without an id", async () => {
    expect(await roleOf(randomUUID(), randomUUID())).toBeNull();
    expect(await roleOf(null, randomUUID())).toBeNull();
    expect(await roleOf(workspaceId, null)).toBeNull();
  });
});

describe("usage.member_role with a table of members", () => {
  beforeAll(async () => {
    const member_role = await readHookDefault("member_role", {
      member_table: 'app."Memberships"',
      member_tenant_column: "org_id",
      member_user_column: '"userId"',
      member_role_column: "role",
    });
    await test.database.transaction((tx) =>
      tx.script(`
        create schema app;
        create type app.role as enum ('OWNER', 'Admin', 'guest', 'editor');
        create table app."Memberships" (org_id uuid not null, "userId" uuid not null, role app.role);
        ${member_role}
        create function app.announce_membership() returns trigger language plpgsql as $body$
        begin
          perform usage.announce_member(old.org_id, old."userId");
          return null;
        end
        $body$;
        create trigger memberships_announce
          after update or delete on app."Memberships"
          for each row execute function app.announce_membership();
      `),
    );
  });

  const join = (user: string, role: string | null) =>
    test.database.query('insert into app."Memberships" values ($1, $2, $3::app.role)', [
      workspaceId,
      user,
      role,
    ]);

  it.each([
    ["OWNER", "owner"],
    ["Admin", "admin"],
    ["guest", "guest"],
    ["editor", "member"],
    [null, "member"],
  ])("answers for a row with role %s: %s", async (role, expected) => {
    const user = randomUUID();
    await join(user, role);
    expect(await roleOf(workspaceId, user)).toBe(expected);
    expect(await roleOf(randomUUID(), user)).toBeNull();
  });

  it("answers the highest role of several rows, and null without one", async () => {
    const user = randomUUID();
    for (const role of ["guest", "Admin", "editor"]) await join(user, role);
    expect(await roleOf(workspaceId, user)).toBe("admin");
    expect(await roleOf(workspaceId, randomUUID())).toBeNull();
  });

  it("is what the gateway asks, and usage.announce_member ends a membership at once", async () => {
    const access = createAccess({
      store: createAccessStore(test.database),
      onOutage: "refuse",
      clock: systemClock,
      logger: silentLogger,
    });
    const payloads: string[] = [];
    let isListening = false;
    const listener = createListener({
      connectionString: test.url,
      channels: ["hasura_usage_access"],
      onNotification: ({ payload }) => {
        payloads.push(payload);
        access.forget(payload);
      },
      onListening: () => {
        isListening = true;
      },
      clock: systemClock,
      logger: silentLogger,
    });
    try {
      await waitFor("the listener", () => isListening);
      const userId = randomUUID();
      const caller = { role: "workspace_admin", workspaceId, userId };
      await expect(access.checkMember(caller)).rejects.toMatchObject({ code: "workspace-forbidden" });
      await join(userId, "Admin");
      await access.checkMember(caller);
      await test.database.query('delete from app."Memberships" where "userId" = $1', [userId]);
      await waitFor("the announcement", () => payloads.includes(`member:${workspaceId}:${userId}`));
      await expect(access.checkMember(caller)).rejects.toMatchObject({ code: "workspace-forbidden" });
    } finally {
      await listener.stop();
    }
  });

  it("takes an expression where the table has no role", async () => {
    const text = await readHookDefault("member_role", {
      member_table: 'app."Memberships"',
      member_tenant_column: "org_id",
      member_user_column: '"userId"',
      member_role_column: "'guest'",
    });
    await test.database.transaction((tx) => tx.script(text));
    const user = randomUUID();
    await join(user, "OWNER");
    expect(await roleOf(workspaceId, user)).toBe("guest");
  });
});

describe("the other defaults", () => {
  it("mail alerts to nobody", async () => {
    expect(await test.database.query("select usage.alert_recipients($1)", [workspaceId])).toEqual([]);
  });

  it("replace the hooks of the sample, as they have the same arguments and columns", async () => {
    const sample = await createTestDatabase();
    try {
      for (const name of [
        "alert_recipients",
        "roll_application_activity",
        "activity",
        "member_role_without_table",
      ]) {
        const text = await readHookDefault(name);
        await sample.database.transaction((tx) => tx.script(text));
      }
    } finally {
      await sample.drop();
    }
  });
});
