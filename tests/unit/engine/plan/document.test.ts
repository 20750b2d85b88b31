import { describe, expect, it } from "@jest/globals";
import { buildSchema, parse } from "graphql";
import { HasuraError } from "../../../../src/engine/errors.ts";
import { prepareDocument } from "../../../../src/engine/plan/document.ts";
import { jsonPathToTextArray } from "../../../../src/engine/plan/json-path.ts";
import { resolveVariables } from "../../../../src/engine/plan/variables.ts";
import { rawToJson } from "../../../../src/engine/sql/index.ts";

const schema = buildSchema(
  "input in { a: Int } type query_root { x(i: in, n: Int): Int } schema { query: query_root }",
);
const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof HasuraError) return error.message;
  }
  return "";
};

describe("prepareDocument", () => {
  it("finds variables behind fragments, and only reachable ones", () => {
    const document = parse(`query q($a: Int) { ...f } fragment f on query_root { x(n: $a) ...g }
      fragment g on query_root { x(i: {a: $b}) } fragment h on query_root { x(n: $c) }`);
    expect([...prepareDocument(document, "q").used].sort()).toEqual(["a", "b"]);
  });

  it("chooses the operation by name", () => {
    const document = parse("query a { x } query b { x }");
    expect(prepareDocument(document, "b").operation.name?.value).toBe("b");
    expect(messageOf(() => prepareDocument(document, "c"))).toBe(
      'no such operation found in the document: "c"',
    );
    expect(messageOf(() => prepareDocument(document, undefined))).toMatch(/^exactly one operation/);
  });

  it("stops at undefined fragments and cycles", () => {
    expect(messageOf(() => prepareDocument(parse("{ ...f }"), undefined))).toBe(
      "reference to undefined fragment 'f'",
    );
    const loop = parse("{ ...f } fragment f on query_root { ...f }");
    expect(messageOf(() => prepareDocument(loop, undefined))).toBe(
      "the fragment definition(s) f form a cycle",
    );
  });
});

describe("resolveVariables", () => {
  const prepared = prepareDocument(
    parse("query ($n: Int! = 3, $i: in = {a: 1}, $m: Int!) { x(n: $n, i: $i) y: x(n: $m) }"),
    "",
  );

  it("fills in defaults", () => {
    const values = resolveVariables(schema, prepared, { m: 1 });
    expect(Object.fromEntries([...values].map(([name, raw]) => [name, rawToJson(raw)]))).toEqual({
      n: "3",
      i: '{"a":1}',
      m: "1",
    });
  });

  it.each([
    [{}, 'expecting a value for non-nullable variable: "m"'],
    [{ m: null }, 'null value found for non-nullable variable: "m"'],
    [{ m: 1, z: 2 }, "unexpected variables in variableValues: z"],
  ])("refuses %j", (given, message) => {
    expect(messageOf(() => resolveVariables(schema, prepared, given))).toBe(message);
  });
});

describe("jsonPathToTextArray", () => {
  it.each([
    ["$.a[0].b", '{"a","0","b"}'],
    ["a", '{"a"}'],
    ["$['x y']", '{"x y"}'],
    ["$", "{}"],
  ])("%s", (path, text) => {
    expect(jsonPathToTextArray(path, "$")).toBe(text);
  });

  it("refuses what is no path", () => {
    expect(messageOf(() => jsonPathToTextArray("$.a b", "$"))).toMatch(/^parse json path error/);
  });
});
