import { describe, expect, it } from "@jest/globals";

import { describeColumns, describeInsert, describeSelect, describeUpdate } from "../../golden/permissions.ts";

const all = ["id", "name", "secret", "created_at"];

describe("describeColumns", () => {
  it.each([
    ["all columns of today", all, "all"],
    ["columns that are added later too", "*" as const, "*"],
    ["the fewer that are left out", ["created_at", "id", "name"], "all but secret"],
    ["the fewer that are granted, in the table's order", ["name", "id"], "id, name"],
    ["no column", [], "no column"],
  ])("says %s", (_, granted, text) => {
    expect(describeColumns(granted, all)).toBe(text);
  });
});

describe("describeSelect", () => {
  const permission = { columns: all, computedFields: [], filter: {}, allowAggregations: false };

  it("shows that nothing restricts the rows", () => {
    expect(describeSelect(permission, all)).toBe("all; every row; no limit");
  });

  it("shows limit, aggregates and root fields", () => {
    const restricted = {
      ...permission,
      limit: 10,
      allowAggregations: true,
      queryRootFields: ["select_by_pk"] as const,
      subscriptionRootFields: [],
    };
    expect(describeSelect(restricted, all)).toBe(
      "all; every row; limit 10; aggregates; query fields select_by_pk; no subscription fields",
    );
  });
});

describe("describeInsert", () => {
  it("shows presets, the check and what else restricts it", () => {
    const permission = {
      columns: ["name"],
      set: { id: "x-hasura-user-id", secret: "none" },
      check: { id: { _eq: "X-Hasura-User-Id" } },
      backendOnly: true,
    };
    expect(describeInsert(permission, all)).toBe(
      'name; set id = x-hasura-user-id, secret = "none"; check id = X-Hasura-User-Id; backend only',
    );
  });

  it("shows that nothing is checked", () => {
    expect(describeInsert({ columns: ["name"], set: {}, check: {}, backendOnly: false }, all)).toBe(
      "name; no check",
    );
  });
});

describe("describeUpdate", () => {
  it("shows the check of the new row beside the filter of the old one", () => {
    const permission = {
      columns: ["name"],
      set: {},
      filter: { id: 1 },
      check: { id: 2 },
      backendOnly: false,
    };
    expect(describeUpdate(permission, all)).toBe("name; where id = 1; check id = 2");
    expect(describeUpdate({ ...permission, check: null }, all)).toBe("name; where id = 1");
  });
});
