import { describe, expect, it } from "@jest/globals";
import { createSessionNames } from "../../../src/core/index.ts";

describe("createSessionNames", () => {
  it("keeps the product's names by default", () => {
    const names = createSessionNames();
    expect([names.userClaim, names.tenantClaim]).toEqual(["x-hasura-user-id", "x-hasura-workspace-id"]);
    expect(["user", "operator", "admin", "clerk"].map(names.roleOf)).toEqual([
      "user",
      "operator",
      "admin",
      "clerk",
    ]);
    expect(names.nameOf("service")).toBe("service");
  });

  it("translates mapped roles both ways", () => {
    const names = createSessionNames({
      userClaim: "x-hasura-org-user-id",
      tenantClaim: "x-hasura-org-id",
      roles: [
        { theirs: "member", ours: "user" },
        { theirs: "guest", ours: "user" },
        { theirs: "root", ours: "operator" },
      ],
    });
    expect(["member", "guest", "root"].map(names.roleOf)).toEqual(["user", "user", "operator"]);
    expect([names.nameOf("user"), names.nameOf("operator"), names.nameOf("service")]).toEqual([
      "member",
      "root",
      "service",
    ]);
  });

  it("takes the application's own role of a renamed name for nobody's", () => {
    const names = createSessionNames({
      userClaim: "x-hasura-user-id",
      tenantClaim: "x-hasura-workspace-id",
      roles: [{ theirs: "root", ours: "operator" }],
    });
    expect(names.roleOf("operator")).toBe("unmapped:operator");
  });
});
