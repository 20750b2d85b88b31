import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import {
  insertItems,
  insertKey,
  isHollowText,
  type Placeholder,
  readItems,
  removeItem,
  removeKey,
  replaceItem,
  restorePlaceholder,
  type YamlPath,
} from "../../../../src/cli/adopt/edit/yaml.ts";

const first = { name: "first", text: "one\n\ntwo\n", headers: [{ name: "X" }] };
const second = { name: "second" };

/** Adds two entries and takes them away again. */
const thereAndBack = (original: string, at: YamlPath): { readonly merged: string; readonly back: string } => {
  const placeholders: Placeholder[] = [];
  let text = original;
  for (const item of [first, second]) {
    const edited = insertItems(text, at, [item]);
    text = edited.text;
    if (edited.placeholder !== undefined) placeholders.push(edited.placeholder);
  }
  const merged = text;
  for (const name of ["first", "second"]) {
    const index = readItems(text, at).findIndex((item) => (item as { name: string }).name === name);
    text = removeItem(text, at, index);
  }
  for (const placeholder of placeholders.reverse()) text = restorePlaceholder(text, placeholder);
  return { merged, back: text };
};

const nested: readonly string[] = [
  "actions:\n  - name: theirs\n    kind: ''\n",
  "actions:\n  - name: theirs\n    kind: ''",
  "actions:\n- name: theirs # mine\n  kind: ''\n# the end\n",
  "# head\nactions:\n    # before\n    - name: theirs\n\n    # between\n\n    - name: also\n\n# after\ncustom_types:\n  enums: []\n",
  "actions: []\ncustom_types:\n  objects: []\n",
  "actions: [] # none yet\ncustom_types: {}\n",
  "actions:\ncustom_types: {}\n",
  "actions: # none\n\n# more\ncustom_types: {}\n",
  "actions: ~\n",
  "actions: null",
  "custom_types:\n  enums: []\n",
  "custom_types:\n  enums: [] # tail\n# end\n",
  "actions:\r\n  - name: theirs\r\ncustom_types:\r\n  enums: []\r\n",
  "actions:\n  - name: theirs\n    comment: |\n      long\n\n      text\n\n\ncustom_types: {}\n",
];

describe("entries added to a list of a mapping", () => {
  it.each(nested)("are there, and leave %j byte for byte when they go", (original) => {
    const { merged, back } = thereAndBack(original, ["actions"]);
    const before = parse(original) as { actions?: unknown[] | null };
    expect(parse(merged)).toEqual({ ...before, actions: [...(before.actions ?? []), first, second] });
    for (const line of original.split(/\r?\n/u).filter((text) => text.includes("#")))
      expect(merged).toContain(line.slice(line.indexOf("#")));
    expect(back).toBe(original);
  });

  it.each(nested)("make the mappings around them in %j", (original) => {
    const { merged, back } = thereAndBack(original, ["custom_types", "objects"]);
    const { custom_types: types } = parse(merged) as { custom_types: { objects: unknown } };
    expect(types.objects).toEqual([first, second]);
    expect(back).toBe(original);
  });
});

const rooted: readonly string[] = [
  "- name: theirs\n",
  "- name: theirs\n  list:\n    - a\n    - b # last\n# end\n",
  "# only a comment\n",
];

describe("entries added to a list that is a file", () => {
  it.each(rooted)("are there, and leave %j byte for byte when they go", (original) => {
    const { merged, back } = thereAndBack(original, []);
    expect(parse(merged)).toEqual([...((parse(original) as unknown[] | null) ?? []), first, second]);
    expect(back).toBe(original);
  });

  it.each(["", "[]\n", "# comment\n[]\n", "{}\n", "[] # none\n", "null\n"])(
    "leave %j empty when they go",
    (original) => {
      const { merged, back } = thereAndBack(original, []);
      expect(parse(merged)).toEqual([first, second]);
      expect(isHollowText(back)).toBe(true);
    },
  );
});

describe("an entry in a list", () => {
  const text =
    "a:\n  - name: x\n  # of first\n  - name: first\n    old: true # really\n  # of y\n  - name: y\n";

  it("is replaced alone, comments before and behind it kept", () => {
    expect(replaceItem(text, ["a"], 1, second)).toBe(
      "a:\n  - name: x\n  # of first\n  - name: second\n  # of y\n  - name: y\n",
    );
  });

  it("is taken from between others", () => {
    expect(removeItem(text, ["a"], 1)).toBe("a:\n  - name: x\n  # of first\n  # of y\n  - name: y\n");
  });

  it("is taken from the head of a file", () => {
    expect(removeItem("- name: a\n- name: b\n", [], 0)).toBe("- name: b\n");
  });
});

describe("a key that is added", () => {
  const sources =
    '- name: default\n  kind: postgres\n  tables: "!include default/tables/tables.yaml"\n# end\n';

  it("goes again without a trace", () => {
    const { text, placeholder } = insertKey(
      sources,
      [0, "functions"],
      "!include default/functions/functions.yaml",
    );
    expect(parse(text)).toEqual([
      {
        name: "default",
        kind: "postgres",
        tables: "!include default/tables/tables.yaml",
        functions: "!include default/functions/functions.yaml",
      },
    ]);
    expect(removeKey(text, placeholder ?? { at: [], was: null })).toBe(sources);
  });

  it("takes the place of an empty list", () => {
    const original = "- name: default\n  functions: [] # none\n  kind: postgres\n";
    const { text, placeholder } = insertKey(original, [0, "functions"], "!include f.yaml");
    expect(text).toBe('- name: default\n  functions: "!include f.yaml" # none\n  kind: postgres\n');
    expect(removeKey(text, placeholder ?? { at: [], was: null })).toBe(original);
  });
});

describe("a list in brackets", () => {
  it("is refused by its name", () => {
    expect(() => insertItems("actions: [{name: a}]\n", ["actions"], [first])).toThrow(
      /actions is written in braces or brackets/u,
    );
  });
});
