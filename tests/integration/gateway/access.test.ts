import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { WebSocket } from "ws";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { waitFor } from "../../support/wait-for.ts";
import { createWorkspace, type Workspace } from "../../support/workspaces.ts";

let product: TestProduct;
let mine: Workspace;
let theirs: Workspace;

beforeAll(async () => {
  product = await startTestProduct();
  mine = await createWorkspace(product.database);
  theirs = await createWorkspace(product.database);
  for (const { id, owner } of [mine, theirs]) {
    await product.database.query(
      `insert into public.workspace_members (workspace_id, user_id, role)
       values ($1, $2, 'owner')
       on conflict do nothing`,
      [id, owner],
    );
  }
}, 120_000);

afterAll(() => product.stop());

const seen = "{ workspaces { id } }";
const codeOf = (answer: Awaited<ReturnType<TestProduct["ask"]>>): unknown =>
  answer.errors?.[0]?.extensions["code"];

const createKey = async (input: string): Promise<{ id: string; key: string }> => {
  const headers = await product.tokenFor({ userId: mine.owner, workspaceId: mine.id }, "workspace_admin");
  const { data, errors } = await product.ask(
    headers,
    `mutation { createApiKey(workspaceId: "${mine.id}", name: "ci", ${input}) { id key prefix } }`,
  );
  expect(errors).toBeUndefined();
  return data?.["createApiKey"] as { id: string; key: string };
};

const revoke = async (id: string): Promise<void> => {
  const headers = await product.tokenFor({ userId: mine.owner, workspaceId: mine.id }, "workspace_admin");
  const { errors } = await product.ask(
    headers,
    `mutation { revokeApiKey(workspaceId: "${mine.id}", id: "${id}") { revokedAt } }`,
  );
  expect(errors).toBeUndefined();
};

describe("API keys", () => {
  it("act as service of their workspace, whatever else the request says", async () => {
    const { key } = await createKey("scopes: null");
    for (const headers of [{ "x-api-key": key }, { authorization: `Bearer ${key}` }]) {
      const answer = await product.ask(
        { ...headers, "x-hasura-workspace-id": theirs.id, "x-hasura-role": "admin" },
        seen,
      );
      expect(answer).toEqual({ data: { workspaces: [{ id: mine.id }] } });
    }
  });

  it("do no more than their scopes, and not what no key is", async () => {
    const { key } = await createKey(`scopes: ["graphql:read"]`);
    const write = `mutation { delete_channels(where: {}) { affected_rows } }`;
    expect(codeOf(await product.ask({ "x-api-key": key }, write))).toBe("scope-missing");
    expect(codeOf(await product.ask({ "x-api-key": "hu_unknown" }, seen))).toBe("invalid-api-key");
  });

  it("are listed without hash, and end at once over HTTP and on open sockets", async () => {
    const { id, key } = await createKey("expiresAt: null");
    const headers = await product.tokenFor({ userId: mine.owner, workspaceId: mine.id }, "workspace_admin");
    const list = `{ usage_api_keys(where: {id: {_eq: "${id}"}}) { prefix } }`;
    expect((await product.ask(headers, list)).data).toEqual({
      usage_api_keys: [{ prefix: key.slice(0, 11) }],
    });
    expect(codeOf(await product.ask(headers, "{ usage_api_keys { hash } }"))).toBe("validation-failed");
    const socket = new WebSocket(
      `${product.urls.gateway.replace("http", "ws")}/v1/graphql`,
      "graphql-transport-ws",
    );
    const frames: string[] = [];
    let closed: number | undefined;
    socket.on("message", (data) => frames.push((data as Buffer).toString()));
    socket.on("close", (code) => {
      closed = code;
    });
    socket.on("open", () =>
      socket.send(JSON.stringify({ type: "connection_init", payload: { headers: { "X-Api-Key": key } } })),
    );
    await waitFor("the acknowledgement", () => frames.some((frame) => frame.includes("connection_ack")));
    await revoke(id);
    await waitFor("the socket to close", () => closed !== undefined);
    expect(closed).toBe(4403);
    await waitFor(
      "the key to be refused",
      async () => codeOf(await product.ask({ "x-api-key": key }, seen)) === "invalid-api-key",
    );
  });
});

describe("membership", () => {
  it("is needed for the workspace of the token, in the role of the token", async () => {
    const stranger = await product.tokenFor({ userId: mine.owner, workspaceId: theirs.id });
    expect(codeOf(await product.ask(stranger, seen))).toBe("workspace-forbidden");
    await product.database.query(
      "insert into public.workspace_members (workspace_id, user_id, role) values ($1, $2, 'guest')",
      [theirs.id, mine.owner],
    );
    expect((await product.ask(stranger, seen)).data).toEqual({ workspaces: [{ id: theirs.id }] });
    const above = await product.tokenFor({ userId: mine.owner, workspaceId: theirs.id }, "workspace_admin");
    expect(codeOf(await product.ask(above, seen))).toBe("workspace-forbidden");
    await product.database.query(
      "delete from public.workspace_members where workspace_id = $1 and user_id = $2",
      [theirs.id, mine.owner],
    );
    await waitFor(
      "the end of the membership",
      async () => codeOf(await product.ask(stranger, seen)) === "workspace-forbidden",
    );
  });
});
