import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { checkMapping, mapMetadata } from "../../../../src/cli/adopt/mapping.ts";
import { defaultSessionNames, type RoleName } from "../../../../src/core/index.ts";

const names = (roles: readonly RoleName[]) => ({
  userClaim: "x-hasura-org-user-id",
  tenantClaim: "x-hasura-org-id",
  roles,
});

const table = `table:
  name: current
  schema: usage
insert_permissions:
  - role: workspace_admin
    permission:
      check:
        workspace_id:
          _eq: X-HASURA-WORKSPACE-ID
      set:
        workspace_id: x-hasura-workspace-id
        user_id: x-hasura-User-Id
select_permissions:
  - role: user
    permission:
      columns: [role]
      filter:
        _and:
          - member_id:
              _eq: X-Hasura-User-Id
          - role:
              _eq: user
    comment: Of X-Hasura-Workspace-Ids and x-hasura-user-id-2 nothing changes
  - role: operator
    permission:
      filter: {}
`;

describe("metadata in an application's names", () => {
  it("has its claims in every place and case", () => {
    const mapped = mapMetadata(table, names([]));
    expect(parse(mapped)).toMatchObject({
      insert_permissions: [
        {
          role: "workspace_admin",
          permission: {
            check: { workspace_id: { _eq: "X-Hasura-Org-Id" } },
            set: { workspace_id: "x-hasura-org-id", user_id: "X-Hasura-Org-User-Id" },
          },
        },
      ],
    });
    expect(mapped).toContain("_eq: X-Hasura-Org-User-Id");
    expect(mapped).toContain("Of X-Hasura-Workspace-Ids and x-hasura-user-id-2 nothing changes");
  });

  it("may swap the two claims", () => {
    const swapped = mapMetadata("a: x-hasura-user-id\nb: x-hasura-workspace-id\n", {
      userClaim: "x-hasura-workspace-id",
      tenantClaim: "x-hasura-user-id",
      roles: [],
    });
    expect(swapped).toBe("a: x-hasura-workspace-id\nb: x-hasura-user-id\n");
  });

  it("has a permission for each role that stands for one of ours, and keeps other words", () => {
    const mapped = parse(
      mapMetadata(
        table,
        names([
          { theirs: "member", ours: "user" },
          { theirs: "guest", ours: "user" },
        ]),
      ),
    ) as { select_permissions: { role: string; permission: { filter: unknown } }[] };
    expect(mapped.select_permissions.map(({ role }) => role)).toEqual(["member", "guest", "operator"]);
    expect(mapped.select_permissions[1]?.permission.filter).toEqual({
      _and: [{ member_id: { _eq: "X-Hasura-Org-User-Id" } }, { role: { _eq: "user" } }],
    });
  });

  it("has its names in actions and inherited roles", () => {
    const roles = [
      { theirs: "member", ours: "user" },
      { theirs: "boss", ours: "workspace_admin" },
    ] as const;
    expect(
      parse(
        mapMetadata(
          "actions:\n  - name: a\n    permissions:\n      - role: user\n      - role: service\n",
          names(roles),
        ),
      ),
    ).toEqual({ actions: [{ name: "a", permissions: [{ role: "member" }, { role: "service" }] }] });
    expect(
      parse(
        mapMetadata("- role_name: workspace_admin\n  role_set:\n    - user\n    - service\n", names(roles)),
      ),
    ).toEqual([{ role_name: "boss", role_set: ["member", "service"] }]);
  });

  it("stays as it is without any", () => {
    expect(mapMetadata(table, defaultSessionNames)).toBe(table);
  });
});

describe("checkMapping", () => {
  it("finds a role that stands for two", () => {
    expect(checkMapping(names([{ theirs: "user", ours: "operator" }]))).toHaveLength(1);
    expect(
      checkMapping(
        names([
          { theirs: "user", ours: "operator" },
          { theirs: "member", ours: "user" },
        ]),
      ),
    ).toEqual([]);
    expect(
      checkMapping(
        names([
          { theirs: "one", ours: "operator" },
          { theirs: "one", ours: "user" },
        ]),
      ),
    ).toHaveLength(1);
  });
});
