import { describe, expect, it } from "@jest/globals";
import { buildSchema, type GraphQLOutputType } from "graphql";

import { checkOutput } from "../../../../src/engine/actions/index.ts";
import { actionOutput } from "../../../../src/engine/execute/index.ts";

const schema = buildSchema(`
  scalar bigint
  type Upgrade { planId: String! }
  type Decision { allowed: Boolean! remaining: bigint upgrade: Upgrade tags: [String!] }
  type Query { decide: Decision! maybe: Decision many: [Decision!]! count: Int! any: bigint }
`);

const typeOf = (name: string): GraphQLOutputType => {
  const field = schema.getQueryType()?.getFields()[name];
  if (field === undefined) throw new Error(name);
  return field.type;
};

const check = (name: string, value: unknown): string => {
  try {
    checkOutput(value, typeOf(name));
    return "fits";
  } catch (error) {
    return (error as Error).message;
  }
};

describe("the shape of a webhook's answer", () => {
  it.each([
    ["decide", { allowed: true, extra: 1 }, "fits"],
    ["decide", { allowed: "1" }, "fits"],
    ["decide", null, "got null for the action webhook response"],
    ["maybe", null, "fits"],
    ["decide", {}, 'field "allowed" expected in webhook response, but not found'],
    ["decide", { allowed: null }, 'expecting not null value for field "allowed"'],
    ["decide", [], "got array for the action webhook response, expecting Decision"],
    ["decide", "x", "got scalar String for the action webhook response, expecting Decision"],
    ["decide", { allowed: true, upgrade: {} }, 'field "planId" expected in webhook response, but not found'],
    ["many", {}, "expecting array for the action webhook response"],
    ["many", [{ allowed: true }, { allowed: false }], "fits"],
    ["count", "1", "got scalar String for the action webhook response, expecting Int"],
    ["any", { free: "form" }, "fits"],
  ])("%s of %j: %s", (name, value, outcome) => {
    expect(check(name, value)).toBe(outcome);
  });
});

describe("what the client sees of it", () => {
  it("is what it selected, under its aliases and in its order", async () => {
    const leaf = (key: string, name = key) => ({ key, name, selection: null });
    const selection = [
      leaf("ok", "allowed"),
      { ...leaf("__typename"), typename: "Decision" },
      { key: "upgrade", name: "upgrade", selection: [leaf("planId")] },
      leaf("missing", "remaining"),
    ];
    const answer = { tags: ["a"], allowed: true, upgrade: { planId: "pro", other: 2 } };
    const context = { variables: new Map(), session: { role: "user", variables: {} } };
    // Without a relationship in the selection nothing is read.
    const db = { query: () => Promise.reject(new Error("a read")) };
    expect(await actionOutput(db, context, [answer, null], selection)).toBe(
      '[{"ok":true,"__typename":"Decision","upgrade":{"planId":"pro"},"missing":null},null]',
    );
    expect(await actionOutput(db, context, { free: "form" }, null)).toBe('{"free":"form"}');
  });
});
