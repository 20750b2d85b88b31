import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startTestProduct, type TestProduct } from "../../support/product.ts";
import { readTenantRows, secretsOf } from "../../support/tenant-rows.ts";
import { createTenant, type Tenant } from "../../support/tenants.ts";
import { type Headers } from "./client-schema.ts";
import { boundRoles } from "./surface.ts";

let product: TestProduct;
let mine: Tenant;
let theirs: Tenant;
let secrets: readonly string[];

beforeAll(async () => {
  product = await startTestProduct();
  mine = await createTenant(product.database, "mark-of-mine");
  theirs = await createTenant(product.database, "mark-of-theirs");
  secrets = secretsOf(await readTenantRows(product.database, theirs), theirs);
});

afterAll(async () => {
  await product.stop();
});

const readAll =
  '{ workspaces { id name } users { id email } messages { body workspace_id } usage_current(where: {metric: {_neq: "api_calls"}}) { workspace_id used } }';

const leaks = (answer: unknown): readonly string[] => {
  const text = JSON.stringify(answer);
  return secrets.filter((secret) => text.includes(secret));
};

describe.each(boundRoles)("headers that a client of role %s makes up", (role) => {
  it.each([
    ["a workspace", (): Headers => ({ "x-hasura-workspace-id": theirs.workspaceId })],
    ["a person", (): Headers => ({ "x-hasura-user-id": theirs.userId })],
    [
      "capitals",
      (): Headers => ({ "X-HASURA-WORKSPACE-ID": theirs.workspaceId, "X-Hasura-User-Id": theirs.userId }),
    ],
    [
      "allowed roles",
      (): Headers => ({ "x-hasura-allowed-roles": '["operator"]', "x-hasura-default-role": "operator" }),
    ],
    ["backend permissions", (): Headers => ({ "x-hasura-use-backend-only-permissions": "true" })],
    [
      "claims",
      (): Headers => ({
        "x-hasura-claims": JSON.stringify({ "x-hasura-workspace-id": theirs.workspaceId }),
      }),
    ],
  ])("change nothing: %s", async (_, made) => {
    const headers = await product.tokenFor(mine, role);
    const honest = await product.ask(headers, readAll);
    expect(honest.errors).toBeUndefined();
    expect(await product.ask({ ...headers, ...made() }, readAll)).toEqual(honest);
    expect(leaks(honest)).toEqual([]);
  });

  it.each(["admin", "operator", "anonymous", "User", "user,operator", " operator", ""])(
    "take no role that the token does not allow: %j",
    async (wanted) => {
      const headers = await product.tokenFor(mine, role);
      const answer = await product.ask({ ...headers, "x-hasura-role": wanted }, readAll);
      expect(answer).toMatchObject({ errors: [{ extensions: { code: "access-denied" } }] });
    },
  );

  it("take no admin secret that is wrong", async () => {
    const headers = await product.tokenFor(mine, role);
    for (const secret of ["", "wrong", `${product.settings.secrets.adminSecret} `.repeat(2)]) {
      const answer = await product.ask({ ...headers, "x-hasura-admin-secret": secret }, readAll);
      expect(answer.errors?.[0]?.extensions["code"]).toBe("access-denied");
    }
  });
});

describe("nobody's headers", () => {
  it("give no tenant to a client without a token", async () => {
    const answer = await product.ask(
      {
        "x-hasura-role": "user",
        "x-hasura-workspace-id": theirs.workspaceId,
        "x-hasura-user-id": theirs.userId,
      },
      "{ workspaces { id } }",
    );
    expect(answer.data).toBeUndefined();
    expect(answer.errors).toHaveLength(1);
  });

  it("give nothing with a broken, foreign or ended token", async () => {
    const good = (await product.tokenFor(mine))["authorization"] ?? "";
    const [head = "", , signature = ""] = good.split(".");
    const claims = Buffer.from(
      JSON.stringify({
        "https://hasura.io/jwt/claims": {
          "x-hasura-default-role": "user",
          "x-hasura-allowed-roles": ["user"],
          "x-hasura-workspace-id": theirs.workspaceId,
          "x-hasura-user-id": theirs.userId,
        },
      }),
    ).toString("base64url");
    const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
    for (const authorization of [
      `${head}.${claims}.${signature}`,
      `Bearer ${none}.${claims}.`,
      `Bearer ${none}.${claims}.${signature}`,
      good.slice(0, -4),
    ]) {
      const answer = await product.ask({ authorization }, readAll);
      expect(answer.data).toBeUndefined();
      expect(leaks(answer)).toEqual([]);
      expect(answer.errors?.[0]?.extensions["code"]).toMatch(/^invalid-(?:jwt|headers)$/u);
    }
  });
});

describe("names of session variables as values", () => {
  it("are plain text in conditions and in rows", async () => {
    const headers = await product.tokenFor(mine);
    const bound = await product.ask(
      headers,
      '{ workspaces(where: {id: {_eq: "X-Hasura-Workspace-Id"}}) { id } }',
    );
    expect(bound.errors?.[0]?.extensions["code"]).toBe("data-exception");
    const text = await product.ask(headers, '{ messages(where: {body: {_eq: "X-Hasura-User-Id"}}) { id } }');
    expect(text).toEqual({ data: { messages: [] } });
    const kept = await product.ask(
      headers,
      `mutation ($c: uuid!) { insert_messages_one(object: {channel_id: $c, body: "x-hasura-user-id"}) { body user_id } }`,
      { c: mine.channelId },
    );
    expect(kept).toEqual({
      data: { insert_messages_one: { body: "x-hasura-user-id", user_id: mine.userId } },
    });
  });

  it("are no way to hand a session to a function", async () => {
    const headers = await product.tokenFor(mine);
    for (const argument of ["hasura_session", "session", "x_hasura_workspace_id"]) {
      const answer = await product.ask(
        headers,
        `mutation ($s: json) { usage_gate(args: {metric: "ai_queries", ${argument}: $s}) { allowed } }`,
        { s: { "x-hasura-workspace-id": theirs.workspaceId, "x-hasura-role": "admin" } },
      );
      expect(answer.errors?.[0]?.extensions["code"]).toBe("validation-failed");
    }
  });
});

describe("values that would be SQL in a careless engine", () => {
  it.each([`' or true --`, `"; drop table messages; --`, `\\'; select pg_sleep(5); --`, "$1", "%", "\u0000"])(
    "find nothing and break nothing: %j",
    async (value) => {
      const headers = await product.tokenFor(mine);
      const answer = await product.ask(
        headers,
        `query ($v: String!) {
          messages(where: {_or: [{body: {_eq: $v}}, {channel: {name: {_eq: $v}}}]}) { body }
          users(where: {email: {_eq: $v}}) { email }
        }`,
        { v: value },
      );
      if (answer.errors === undefined) expect(answer.data).toEqual({ messages: [], users: [] });
      else expect(answer.errors[0]?.extensions["code"]).toBe("data-exception");
      const still = await product.ask(headers, "{ messages { body } }");
      expect(still.errors).toBeUndefined();
    },
  );
});
