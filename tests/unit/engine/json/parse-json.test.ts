import { describe, expect, it } from "@jest/globals";

import { parseJson, rawToJson } from "../../../../src/engine/json/index.ts";

describe("JSON without loss", () => {
  it.each([
    '{"id":9007199254740993,"list":[12345678901234567890.25,-0.10000000000000000001]}',
    '{"a":{"b":[1,2,{"c":"\\u00e9 \\" \\\\ 12345678901234567"}]},"d":null,"e":true,"f":false,"n":12345678901234567890}',
    "123456789012345678901234567890",
    "1e400",
    '[{"x":1.0,"y":12345678901234567}]',
  ])("gives %s back to the letter", (text) => {
    expect(rawToJson(parseJson(text))).toBe(text.replace("\\u00e9", "é"));
  });

  it("reads ordinary numbers as numbers", () => {
    expect(parseJson('{"a":1,"b":[2.5]}')).toEqual({ a: 1, b: [2.5] });
    expect(parseJson('{"a":1,"b":12345678901234567890}')).toMatchObject({ a: 1 });
  });

  it.each([
    '{"a":12345678901234567890',
    "[12345678901234567890,]",
    "12345678901234567890 x",
    '{"a" 12345678901234567890}',
    "",
    "01",
  ])("refuses %s", (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  });
});
