import { describe, expect, it } from "@jest/globals";
import { insertSdl, readSdl, removeSdl, replaceSdl } from "../../../../src/cli/adopt/edit/sdl.ts";

const ours = readSdl(`type Query {
  """
  Says whether.
  """
  check(
    id: uuid!
  ): Decision!
}

type Mutation {
  use(id: uuid!): Decision!
  hold(id: uuid!): Decision!
}

input Item {
  metric: String!
}

"""What is decided"""
type Decision {
  allowed: Boolean!
}
`);

const theirs: readonly string[] = [
  "type Mutation {\n  pay(id: uuid!): Paid!\n}\n\n# the answer\ntype Paid {\n  id: uuid!\n}\n",
  "type Mutation { pay: Paid }\ntype Paid { id: uuid! } # tail",
  "extend type Query {\n  a: Int # first\n  # last\n}\n\n\n",
  "type Mutation {\r\n  pay: Int\r\n}\r\n",
  "# nothing yet\n",
];

describe("SDL entries", () => {
  it("are named by type and field", () => {
    expect(ours.map(({ name }) => name)).toEqual([
      "Query.check",
      "Mutation.use",
      "Mutation.hold",
      "Item",
      "Decision",
    ]);
  });

  it.each(theirs)("are there, and leave %j byte for byte when they go", (original) => {
    const merged = ours.reduce(insertSdl, original);
    const found = readSdl(merged);
    for (const { name, content } of [...ours, ...readSdl(original)])
      expect(found.find((entry) => entry.name === name)?.content).toBe(content);
    expect(ours.reduce((text, { name }) => removeSdl(text, name), merged)).toBe(original);
  });

  it("make a file, and leave it empty when they go", () => {
    const merged = ours.reduce(insertSdl, "");
    expect(readSdl(merged)).toHaveLength(ours.length);
    expect(ours.reduce((text, { name }) => removeSdl(text, name), merged).trim()).toBe("");
  });

  it("have the same content in another layout", () => {
    const [entry] = readSdl('"Another description" type Decision { allowed : Boolean! }');
    expect(entry?.content).toBe(ours.at(-1)?.content);
  });

  it("are replaced in their place", () => {
    const [check] = readSdl("type Query { check(id: uuid!, deep: Boolean): Decision! }");
    const text = "type Query {\n  a: Int\n  check: Int # ours\n  b: Int\n}\n";
    expect(replaceSdl(text, check ?? { name: "", text: "", content: "" })).toBe(
      "type Query {\n  a: Int\n  check(id: uuid!, deep: Boolean): Decision! # ours\n  b: Int\n}\n",
    );
  });
});
