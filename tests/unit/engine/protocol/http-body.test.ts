import { describe, expect, it } from "@jest/globals";

import { HasuraError } from "../../../../src/engine/errors.ts";
import { readHttpBody } from "../../../../src/engine/protocol/index.ts";

const refusal = (text: string): string => {
  try {
    readHttpBody(text);
    return "accepted";
  } catch (error) {
    if (!(error instanceof HasuraError)) throw error;
    return `${error.code} ${error.path ?? ""}`;
  }
};

describe("the HTTP body", () => {
  it("is one request or a batch", () => {
    expect(readHttpBody('{"query":"{ a }","variables":null,"operationName":null,"extensions":{}}')).toEqual({
      kind: "single",
      request: { query: "{ a }", variables: {}, operationName: undefined },
    });
    expect(readHttpBody('[{"query":"{ a }"},{"query":"{ b }","variables":{"x":1}}]')).toMatchObject({
      kind: "batch",
      requests: [{ query: "{ a }" }, { query: "{ b }", variables: { x: 1 } }],
    });
  });

  it.each([
    ["{", "invalid-json $"],
    ["3", "parse-failed $"],
    ["{}", "parse-failed $"],
    ['{"query":3}', "parse-failed $.query"],
    ['{"query":"","variables":[1]}', "parse-failed $.variables"],
    ["[3]", "parse-failed $[0]"],
  ])("refuses %s", (text, outcome) => {
    expect(refusal(text)).toBe(outcome);
  });
});
