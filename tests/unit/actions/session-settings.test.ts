import { describe, expect, it } from "@jest/globals";
import { readActionsEnv } from "../../../actions/env.ts";
import { readSession } from "../../../actions/session.ts";
import { sessionNamesOf } from "../../../actions/session-settings.ts";

const required = { DATABASE_URL: "postgres://127.0.0.1/usage", ACTION_SECRET: "a secret of 16 letters" };
const read = (env: Readonly<Record<string, string>>) =>
  sessionNamesOf(readActionsEnv({ ...required, ...env }));

describe("settings of the session", () => {
  it("read a session by the application's claims and roles", () => {
    const names = read({
      USAGE_USER_CLAIM: "X-Hasura-Org-User-Id",
      USAGE_TENANT_CLAIM: "x-hasura-org-id",
      USAGE_ROLE_MAP: "member=user, org_admin=workspace_admin",
    });
    const variables = {
      "x-hasura-role": "org_admin",
      "x-hasura-org-id": "acme",
      "x-hasura-org-user-id": "ada",
      "x-hasura-workspace-id": "another",
      "x-hasura-user-id": "somebody else",
    };
    expect(readSession(variables, names)).toEqual({
      role: "workspace_admin",
      userId: "ada",
      workspaceId: "acme",
    });
  });

  it("default to the product's names", () => {
    expect(readSession({ "x-hasura-user-id": "ada" }, read({ USAGE_ROLE_MAP: "" }))).toEqual({
      role: "anonymous",
      userId: "ada",
      workspaceId: null,
    });
  });

  it.each([
    ["USAGE_TENANT_CLAIM", "org-id", /USAGE_TENANT_CLAIM: must be a session variable/u],
    ["USAGE_USER_CLAIM", "x-hasura-role", /USAGE_USER_CLAIM: must be a session variable/u],
    ["USAGE_ROLE_MAP", "member=boss", /USAGE_ROLE_MAP: "member=boss" must be/u],
    ["USAGE_ROLE_MAP", "admin=operator", /admin stays admin/u],
    ["USAGE_ROLE_MAP", "member=user,member=operator", /each of your roles once/u],
  ])("name %s that is %s as wrong", (name, value, message) => {
    expect(() => read({ [name]: value })).toThrow(message);
  });
});
