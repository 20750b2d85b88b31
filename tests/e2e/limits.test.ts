import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestProduct, type TestProduct } from "../support/product.ts";
import { createWorkspace, setLimit } from "../support/workspaces.ts";

let product: TestProduct;
const clients = 16;

beforeAll(async () => {
  product = await startTestProduct();
});

afterAll(async () => {
  await product.stop();
});

interface Room {
  readonly workspaceId: string;
  readonly ownerId: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function createRoom(limit: number): Promise<Room> {
  const { id: workspaceId, owner: ownerId } = await createWorkspace(product.database);
  await setLimit(product.database, workspaceId, "channels", limit);
  await product.database.query(
    "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'owner')",
    [workspaceId, ownerId],
  );
  return { workspaceId, ownerId, headers: await product.tokenFor({ userId: ownerId, workspaceId }) };
}

async function counted(workspaceId: string): Promise<{ rows: number; used: number }> {
  const found = await product.database.query<{ rows: string; used: string }>(
    `select
       (select count(*) from channels where workspace_id = $1 and archived_at is null) as rows,
       (select used from usage.current where workspace_id = $1 and metric = 'channels') as used`,
    [workspaceId],
  );
  return { rows: Number(found[0]?.rows), used: Number(found[0]?.used) };
}

type Attempt = (room: Room, index: number) => Promise<boolean>;

const overGraphQL: Attempt = async ({ headers }, index) => {
  const answer = await product.ask(
    headers,
    "mutation ($name: String!) { insert_channels_one(object: {name: $name}) { id } }",
    {
      name: `g${String(index)}`,
    },
  );
  if (answer.errors === undefined) return true;
  expect(answer.errors[0]?.extensions["code"]).toBe("usage-limit-exceeded");
  expect(answer.errors[0]?.message).toMatch(/limit of \d+ channels reached/u);
  return false;
};

class RolledBack extends Error {}

/** Straight to the database; every tenth transaction takes its row back. */
const overSql: Attempt = async ({ workspaceId, ownerId }, index) => {
  try {
    await product.database.transaction(async (tx) => {
      await tx.query("insert into channels (workspace_id, name, created_by) values ($1, $2, $3)", [
        workspaceId,
        `s${String(index)}`,
        ownerId,
      ]);
      if (index % 10 === 0) throw new RolledBack();
    });
    return true;
  } catch (error) {
    if (error instanceof RolledBack) return false;
    expect(error).toMatchObject({ code: "23U01" });
    return false;
  }
};

async function storm(room: Room, attempts: number, attempt: Attempt): Promise<number> {
  let next = 0;
  let accepted = 0;
  const client = async (): Promise<void> => {
    for (let index = next++; index < attempts; index = next++) {
      if (await attempt(room, index)) accepted += 1;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return accepted;
}

describe("a hard limit under 16 clients that ask for three times as much", () => {
  const limit = 40;
  const ways: readonly (readonly [string, Attempt])[] = [
    ["over GraphQL", overGraphQL],
    ["over direct connections, a tenth rolled back", overSql],
    ["mixed", (room, index) => (index % 2 === 0 ? overGraphQL : overSql)(room, index)],
  ];
  it.each(ways)("lets exactly the limit in %s", async (_way, attempt) => {
    const room = await createRoom(limit);
    const accepted = await storm(room, limit * 3, attempt);
    expect(accepted).toBe(limit);
    expect(await counted(room.workspaceId)).toEqual({ rows: limit, used: limit });
  });

  it("blocks only more use after a downgrade below the present use", async () => {
    const room = await createRoom(6);
    await storm(room, 6, overGraphQL);
    await product.database.query(
      "update billing.limit_overrides set limit_value = 3 where workspace_id = $1",
      [room.workspaceId],
    );
    expect(await overGraphQL(room, 100)).toBe(false);
    expect(await counted(room.workspaceId)).toEqual({ rows: 6, used: 6 });
    await product.database.query(
      "update channels set archived_at = now() where id in (select id from channels where workspace_id = $1 limit 4)",
      [room.workspaceId],
    );
    expect(await overGraphQL(room, 101)).toBe(true);
    expect(await counted(room.workspaceId)).toEqual({ rows: 3, used: 3 });
  });
});
