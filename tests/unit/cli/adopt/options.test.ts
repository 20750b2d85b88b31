import { describe, expect, it } from "@jest/globals";
import { parseClaim, parseMembers, parseRole, parseTable } from "../../../../src/cli/adopt/index.ts";
import { quoteIdent } from "../../../../src/cli/adopt/sql/index.ts";
import { isOlder } from "../../../../src/cli/adopt/version.ts";

describe("options of adopt", () => {
  it("are read", () => {
    expect(parseTable("app.Organisation")).toEqual({ schema: "app", name: "Organisation" });
    expect(parseMembers("app.memberships:org_id, user_id")).toEqual({
      schema: "app",
      name: "memberships",
      tenantColumn: "org_id",
      userColumn: "user_id",
      roleColumn: undefined,
    });
    expect(parseMembers("a.b:c,d,e").roleColumn).toBe("e");
    expect(parseRole("member=user")).toEqual({ theirs: "member", ours: "user" });
    expect(parseClaim("--user-claim", "X-Hasura-Org-User-Id")).toBe("x-hasura-org-user-id");
  });

  it.each([
    ["--tenant organisations", () => parseTable("organisations")],
    ["--tenant a.b.c", () => parseTable("a.b.c")],
    ["--members a.b", () => parseMembers("a.b")],
    ["--members a.b:c", () => parseMembers("a.b:c")],
    ["--members a.b:c,d,e,f", () => parseMembers("a.b:c,d,e,f")],
    ["--members b:c,d", () => parseMembers("b:c,d")],
    ["--role member", () => parseRole("member")],
    ["--role member=boss", () => parseRole("member=boss")],
    ["--role admin=operator", () => parseRole("admin=operator")],
    ["--user-claim user_id", () => parseClaim("--user-claim", "user_id")],
    ["--user-claim x-hasura-role", () => parseClaim("--user-claim", "x-hasura-role")],
  ])("are refused by name: %s", (written, read) => {
    expect(read).toThrow(written);
  });
});

describe("quoteIdent", () => {
  it.each([
    ["org_id", "org_id"],
    ["Organisation", '"Organisation"'],
    ["user", '"user"'],
    ["order", '"order"'],
    ['a"b', '"a""b"'],
    ["1st", '"1st"'],
  ])("writes %s as %s", (name, quoted) => {
    expect(quoteIdent(name)).toBe(quoted);
  });
});

describe("isOlder", () => {
  it.each([
    ["0.1.0", "0.2.0", true],
    ["0.9.0", "0.10.0", true],
    ["1.0.0", "1.0.0", false],
    ["1.0.1", "1.0.0", false],
    ["1.0.0-rc.2", "1.0.0", true],
    ["1.0.0-rc.2", "1.0.0-rc.10", true],
    ["1.0.0", "1.0.0-rc.1", false],
  ])("says of %s before %s: %s", (left, right, older) => {
    expect(isOlder(left, right)).toBe(older);
  });
});
