import { describe, expect, it } from "@jest/globals";
import { HasuraError } from "../../../../src/engine/errors.ts";
import { arrayLiteral, columnText, NumberLiteral, SqlBuilder } from "../../../../src/engine/sql/index.ts";
import { scientific } from "../../../../src/engine/sql/values.ts";

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof HasuraError) return `${error.code} ${error.message}`;
  }
  return "";
};

describe("columnText", () => {
  it.each([
    [1, "int4", "1"],
    ["abc", "int4", "abc"],
    [new NumberLiteral("9007199254740993"), "int8", "9007199254740993"],
    [new NumberLiteral("12.500"), "numeric", "12.500"],
    [true, "bool", "true"],
    [[1, 2], "_int4", '{"1","2"}'],
    [
      [
        ["a", 'b"'],
        [null, "\\"],
      ],
      "_text",
      '{{"a","b\\""},{NULL,"\\\\"}}',
    ],
    ["{1,2}", "_int4", "{1,2}"],
    [{ a: [new NumberLiteral("1.0")] }, "jsonb", '{"a":[1.0]}'],
    ["x", "jsonb", '"x"'],
    [{ type: "Point" }, "geometry", '{"type":"Point"}'],
    [null, "text", null],
  ])("%j as %s", (value, type, text) => {
    expect(columnText(value, type, "$")).toBe(text);
  });

  it.each([
    [new NumberLiteral("3000000000"), "int4", "parse-failed The value 3.0e9 lies outside the bounds"],
    [1.5, "int4", "parse-failed The value 1.5 lies outside the bounds"],
    [5, "text", "parse-failed parsing Text failed, expected String, but encountered Number"],
    [1, "bool", "parse-failed parsing Bool failed, expected Bool, but encountered Number"],
    [{}, "int4", "parse-failed parsing Int32 failed, expected Number, but encountered Object"],
  ])("refuses %j as %s", (value, type, message) => {
    expect(messageOf(() => columnText(value, type, "$"))).toContain(message);
  });
});

describe("scientific", () => {
  it.each([
    ["99999999999", "9.9999999999e10"],
    ["0.01", "1.0e-2"],
    ["42", "42.0"],
    ["-0.5", "-0.5"],
    ["0.1", "0.1"],
    ["-120.50", "-120.5"],
    ["9999999", "9999999.0"],
    ["10000000", "1.0e7"],
    ["0.000", "0.0"],
    ["1e400", "1.0e400"],
    ["-12e-400", "-1.2e-399"],
    ["9223372036854775808", "9.223372036854775808e18"],
  ])("%s is %s", (text, printed) => {
    expect(scientific(text)).toBe(printed);
  });
});

describe("SqlBuilder", () => {
  it("shares a session variable only between equal casts", () => {
    const builder = new SqlBuilder();
    const bind = (cast: string): string => builder.bind({ kind: "session", name: "x-hasura-user-id", cast });
    expect([bind("int4"), bind("int4"), bind("text")]).toEqual(["$1", "$1", "$2"]);
  });

  it("quotes array elements", () => {
    expect(arrayLiteral(['a"b', "c\\d", null, "NULL", "x,y"])).toBe('{"a\\"b","c\\\\d",NULL,"NULL","x,y"}');
  });
});
