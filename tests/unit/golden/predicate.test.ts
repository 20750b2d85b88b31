import { describe, expect, it } from "@jest/globals";

import { describePredicate } from "../../golden/predicate.ts";

const workspace = { workspace_id: { _eq: "X-Hasura-Workspace-Id" } };

describe("describePredicate", () => {
  it.each([
    ["an empty rule", {}, "every row"],
    ["an empty alternative", { _or: [] }, "no row"],
    ["a session variable", workspace, "workspace_id = X-Hasura-Workspace-Id"],
    ["a constant", { role: { _neq: "owner" } }, 'role <> "owner"'],
    ["a list", { role: { _in: ["admin", "guest"] } }, 'role in ("admin", "guest")'],
    ["a null check", { deleted_at: { _is_null: true } }, "deleted_at is null"],
    ["a negated null check", { plan_id: { _is_null: false } }, "plan_id is not null"],
    ["a short form", { enabled: true }, "enabled = true"],
    ["an operator without symbol", { name: { _ilike: "a%" } }, 'name ilike "a%"'],
    ["several columns", { ...workspace, id: { _gt: 1 } }, "workspace_id = X-Hasura-Workspace-Id and id > 1"],
    ["several operators of a column", { id: { _gt: 1, _lte: 9 } }, "id > 1 and id <= 9"],
    ["a relationship", { channel: workspace }, "channel.workspace_id = X-Hasura-Workspace-Id"],
    [
      "a path of relationships",
      { creator: { memberships: workspace } },
      "creator.memberships.workspace_id = X-Hasura-Workspace-Id",
    ],
    [
      "two conditions on one related row",
      { memberships: { ...workspace, role: { _eq: "owner" } } },
      'memberships(workspace_id = X-Hasura-Workspace-Id and role = "owner")',
    ],
    [
      "alternatives beside a condition",
      { a: { _eq: 1 }, _or: [{ b: 2 }, { c: 3 }] },
      "a = 1 and (b = 2 or c = 3)",
    ],
    ["conditions in an alternative", { _or: [{ a: 1, b: 2 }, { c: 3 }] }, "(a = 1 and b = 2) or c = 3"],
    ["a negation", { _not: { a: 1 } }, "not (a = 1)"],
    [
      "a row of another table",
      { _exists: { _table: { schema: "public", name: "users" }, _where: { id: 1 } } },
      "exists public.users(id = 1)",
    ],
  ])("writes %s", (_, rule, text) => {
    expect(describePredicate(rule)).toBe(text);
  });
});
